"""Check a config with the settings model of its family."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from coner.config.experiment import Experiment
from coner.config.load import load_values
from coner.core.errors import ConfigError
from coner.families.registry import family, kinds


def load_experiment(source: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read a config, a file or a built-in one, and apply overrides; see ``load_values``."""
    return parse_experiment(load_values(source, overrides), source=str(source))


def parse_experiment(values: dict[str, Any], source: str = "settings") -> Experiment:
    """Check a dictionary of settings; ``ConfigError`` names the key path of the first wrong one."""
    name, expected = values.get("kind"), kinds(configurable=True)
    if name not in expected:
        got = f"got {name!r}" if "kind" in values else "not set"
        raise ConfigError(f"{source}: kind: {got}; expected one of: {', '.join(expected)}")
    model = family(str(name)).settings
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first_error(error, model)}") from None


def parse_trainable(values: dict[str, Any], source: str = "settings") -> Experiment:
    """``parse_experiment`` for families that train; ``ConfigError`` for the others."""
    known = kinds(trains=True)
    if values.get("kind") in set(kinds(configurable=True)) - set(known):
        got = f"got {values['kind']!r}, which has nothing to train"
        raise ConfigError(f"{source}: kind: {got}; expected one of: {', '.join(known)}")
    return parse_experiment(values, source)


def _first_error(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    path = [str(key) for key in first["loc"] if "[" not in str(key)]  # the name of a branch of a union
    place = ".".join(path) or "settings"
    if first["type"] == "extra_forbidden":
        return f"{place}: no such setting; expected one of: {', '.join(_siblings(model, path))}"
    if first["type"] == "value_error":  # by a validator, which names the key itself
        return str(first["ctx"]["error"])
    got = f", got {first['input']!r}" if not isinstance(first["input"], dict) else ""
    return f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}{got}"


def _siblings(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    section: type[BaseModel] | None = model
    for key in path[:-1]:
        if section is not None and key in section.model_fields:  # else a key of a mapping, or an index
            section = _section_in(section.model_fields[key].annotation)
    return sorted(section.model_fields) if section is not None else []


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as ``dict[str, GroupSettings]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _section_in(inner))), None)
