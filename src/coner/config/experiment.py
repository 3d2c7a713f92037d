"""What a config file holds as a whole, by its kind."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from coner.config.crf import CrfSettings
from coner.config.data import DataSettings, ExtraFile
from coner.config.encoder import AuxiliarySettings, EncoderSettings, HeadSettings
from coner.config.llm import LlmExperiment
from coner.config.section import Section, Seed
from coner.config.train import GroupSettings, TrainSettings
from coner.errors import ConfigError


class CrfExperiment(Section):
    """A config with ``kind = "crf"``."""

    kind: Literal["crf"]
    name: str = ""
    seed: Seed = 42
    data: DataSettings = DataSettings()
    crf: CrfSettings = CrfSettings()

    @model_validator(mode="after")
    def _sentences_weigh_alike(self) -> CrfExperiment:
        for extra in self.data.extra:
            if extra.weight != 1:
                raise ValueError(
                    f"data.extra: {extra.file} has weight {extra.weight:g}, but python-crfsuite knows no weights of "
                    'sentences; expected 1 (kind = "encoder" takes others)'
                )
        return self


class EncoderExperiment(Section):
    """A config with ``kind = "encoder"``."""

    kind: Literal["encoder"]
    name: str = ""
    seed: Seed = 42
    data: DataSettings = DataSettings()
    encoder: EncoderSettings = EncoderSettings()
    head: HeadSettings = HeadSettings()
    auxiliary: AuxiliarySettings = AuxiliarySettings()
    train: TrainSettings = TrainSettings()

    @model_validator(mode="after")
    def _layers_fit_the_mix(self) -> EncoderExperiment:
        if self.head.mix == "last" and len(self.head.layers) != 1:
            raise ValueError('head.mix = "last" takes one layer; name one in head.layers, or use concat or weighted')
        return self

    @model_validator(mode="after")
    def _the_loss_fits_the_decoder(self) -> EncoderExperiment:
        if self.head.decoder == "crf" and self.head.loss != "cross_entropy":
            raise ValueError(
                f'head.loss = "{self.head.loss}": head.decoder = "crf" has a loss of its own; expected softmax or valid'
            )
        return self


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
