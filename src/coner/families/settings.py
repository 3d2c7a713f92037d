"""What a config file holds as a whole, by its kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from coner.config.data import ExtraFile
from coner.config.load import load_values
from coner.config.section import Section
from coner.core.errors import ConfigError
from coner.families.crf.settings import CrfExperiment
from coner.families.encoder.settings import EncoderExperiment
from coner.families.encoder.training.settings import GroupSettings
from coner.families.llm.settings import LlmExperiment

Fitted = CrfExperiment | EncoderExperiment
Experiment = Fitted | LlmExperiment
_KINDS: dict[str, type[Section]] = {"crf": CrfExperiment, "encoder": EncoderExperiment, "llm": LlmExperiment}
_SCHEMA: TypeAdapter[Experiment] = TypeAdapter(Annotated[Experiment, Field(discriminator="kind")])


def parse_experiment(values: dict[str, Any], source: str = "settings") -> Experiment:
    """Check a plain dictionary of settings; raises ``ConfigError`` that names the key path of the first fault."""
    try:
        return _SCHEMA.validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first_fault(error)}") from None


def parse_fitted(values: dict[str, Any], source: str = "settings") -> Fitted:
    """``parse_experiment`` for what trains many models; ``ConfigError`` where the kind has nothing to train."""
    settings = parse_experiment(values, source)
    if isinstance(settings, LlmExperiment):
        raise ConfigError(f"{source}: kind: nothing of an llm is trained; expected crf or encoder")
    return settings


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = [str(part) for part in fault["loc"]]
    if place and place[0] in _KINDS:  # the union's branch, not a key of the file
        place = place[1:]
    place = [part for part in place if "[" not in part]  # a branch of another union
    path = ".".join(place) or "settings"
    if fault["type"] == "extra_forbidden":
        return f"{path}: no such setting; expected one of: {', '.join(_siblings(error, place))}"
    if fault["type"] == "value_error":  # of our own checks, which name the setting
        return str(fault["ctx"]["error"])
    came = f", came {fault['input']!r}" if not isinstance(fault["input"], dict) else ""
    return f"{path}: {fault['msg'][0].lower()}{fault['msg'][1:]}{came}"


def _siblings(error: ValidationError, place: list[str]) -> list[str]:
    """The keys that the section knows in which an unknown key stands."""
    section: Any = _KINDS[str(error.errors()[0]["loc"][0])]
    for key in place[:-1]:
        field = section.model_fields.get(key) if hasattr(section, "model_fields") else None
        # A key without a field is the name of a group, or the number of a further file.
        section = field.annotation if field is not None else ExtraFile if place[0] == "data" else GroupSettings
    return sorted(getattr(section, "model_fields", {}))


def load_experiment(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read a config file and apply ``key.path=value`` overrides (values in TOML's syntax, or plain strings).

    Raises:
        ConfigError: the file or an override cannot be read, or a setting is unknown or out of range.
    """
    return parse_experiment(load_values(path, overrides), source=str(path))
