"""Check a config with the settings model of its family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from coner.config.experiment import DataSettings, Experiment
from coner.config.section import section_in
from coner.config.template import template
from coner.core.errors import ConfigError
from coner.families.registry import family, kinds

Settings = TypeVar("Settings", bound=Experiment)


def parse_experiment(values: dict[str, Any], source: str = "settings") -> Experiment:
    """Check a dictionary of settings; ``ConfigError`` names the key path of the first wrong one."""
    name, expected = values.get("kind"), kinds(configurable=True)
    if name not in expected:
        got = f"got {name!r:.80}" if "kind" in values else "not set"
        raise ConfigError(f"{source}: kind: {got}; expected one of: {', '.join(expected)}")
    model = family(str(name)).settings
    if values.get("knowledge") and "knowledge" not in model.model_fields:
        able = ", ".join(each for each in kinds() if "knowledge" in family(each).settings.model_fields)
        raise ConfigError(f"{source}: knowledge: got settings for a model of kind {name}; expected one of kind {able}")
    return _validate(model, values, source)


def parse_trainable(values: dict[str, Any], source: str = "settings") -> Experiment:
    """``parse_experiment`` for families that train; ``ConfigError`` for the others."""
    name, expected = values.get("kind"), kinds(trains=True)
    if "kind" in values and name not in expected:
        reason = ", which has nothing to train" if name in kinds() else ""
        raise ConfigError(f"{source}: kind: got {name!r:.80}{reason}; expected one of: {', '.join(expected)}")
    return parse_experiment(values, source)


def parse_data(values: Mapping[str, Any], source: str = "settings") -> DataSettings:
    """The section ``data`` of settings whose kind is not known yet."""
    return _validate(Experiment, {"kind": "", "data": values.get("data", {})}, source).data


def config_of_kind(kind: str) -> str:
    """A config (TOML) of a kind of tagger, with every setting and its default."""
    declared = family(kind)
    title = f"# {declared.description}: every setting with its default. Remove a # to set what is not set."
    return f"{title}\n\n{template(declared.settings, {})}"


def _validate(model: type[Settings], values: Mapping[str, Any], source: str) -> Settings:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first_error(error, model)}") from None


def _first_error(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    path = [str(key) for key in first["loc"] if "[" not in str(key)]  # the name of a branch of a union
    place = ".".join(path) or "settings"
    if first["type"] == "extra_forbidden":
        return f"{place:.200}: no such setting; expected one of: {', '.join(_siblings(model, path))}"
    if first["type"] == "value_error":  # by a validator, which names the key itself
        return str(first["ctx"]["error"])
    if first["type"] == "tuple_type":
        return f"{place}: expected a list, got {first['input']!r:.200}"
    got = f", got {first['input']!r:.200}" if not isinstance(first["input"], dict) else ""
    return f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}{got}"


def _siblings(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    section: type[BaseModel] | None = model
    for key in path[:-1]:
        if section is not None and key in section.model_fields:  # else a key of a mapping, or an index
            section = section_in(section.model_fields[key].annotation)
    return sorted(section.model_fields) if section is not None else []
