"""Typed settings: a TOML file, then dotted overrides; an unknown key is an error.

A config holds only what differs from the defaults below, so that it reads as what the experiment is about.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from coner.errors import ConfigError
from coner.tags import Scheme

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0)]
Algorithm = Literal["sgd", "lbfgs"]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A group of settings: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, protected_namespaces=())


class NoiseSettings(Section):
    """Keyboard typos in training sentences, and in copies of the other parts to score on (``coner.data.noise``)."""

    rate: Fraction = Field(0.0, description="share of the training sentences that get typos; 0: none")
    where: Literal["context", "mentions", "both"] = Field(
        "both", description="in words of mentions, in the other words, or in both"
    )
    words: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        2, description="noisy words of such a sentence: a share below 1, or N: from one to N"
    )
    layout: str = Field("qwerty", description="keyboard: qwerty, qwertz, azerty, or a TOML file")
    seed: Seed = Field(1, description="another one is other noise")
    score: bool = Field(False, description="score dev and test once more with typos in every sentence")

    @model_validator(mode="after")
    def _words_are_a_share_or_a_number(self) -> NoiseSettings:
        if self.words > 1 and self.words % 1:
            raise ValueError(f"data.noise.words: {self.words:g}; expected a share below 1, or a whole number")
        return self


class ExtraFile(Section):
    """A further training file."""

    file: Path = Field(description="CoNLL or JSONL, also .gz, read as data.train is")
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1.0, description="of the loss of its sentences, beside 1 in data.train"
    )


class DataSettings(Section):
    """Files, and how to read them. ``train`` is needed to train; ``test`` is scored once, at the end."""

    train: Path | None = Field(None, description="training file (CoNLL or JSONL, also .gz)")
    dev: Path | None = Field(None, description="validation file: every choice is made on it; none: cut from train")
    dev_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="where no dev is named: its share of train, cut by text and stratified by class"
    )
    take: Annotated[int, Field(ge=0)] = Field(
        0, description="train on about so many sentences: always the same, every class in proportion; 0: all"
    )
    extra: tuple[ExtraFile, ...] = Field(
        (), description="further training files, less what is in dev or test too; such as [{file = ..., weight = 0.3}]"
    )
    test: Path | None = Field(None, description="test file: scored once, at the end")
    taxonomy: str = Field(
        "auto", description="a packaged one, a TOML file, or auto: a packaged one that knows all labels, else flat"
    )
    scheme: Scheme = Field("iob2", description="how mentions are written in the files: iob2, iob1 or bioes")
    repair: bool = Field(False, description="mend what can be mended in faulty files, and count it")
    noise: NoiseSettings = NoiseSettings()


class CrfSettings(Section):
    """The feature CRF (python-crfsuite)."""

    features: tuple[str, ...] = Field((), description="which features, in which order; empty: the default ones")
    scheme: Literal["iob2", "bioes"] = Field("iob2", description="tags that it predicts; bioes is four times slower")
    algorithm: Algorithm = Field(
        "sgd", description="stochastic gradient descent, or L-BFGS: several times slower, with L1 sparse"
    )
    c1: Rate = Field(0.0, description="L1 regularisation (lbfgs)")
    c2: Rate = Field(1.0, description="L2 regularisation")
    min_frequency: Annotated[int, Field(ge=0)] = Field(0, description="drop what is seen less often with a tag")
    max_iterations: Count = Field(10, description="passes over the training part; lbfgs needs about 100")
    clusters: tuple[Count, ...] = Field((64, 256, 1024), description="numbers of word clusters, a level each; []: none")
    cluster_file: Path | None = Field(None, description="word<TAB>cluster lines, in place of learned clusters")
    thresholds: tuple[Fraction, ...] = Field(
        (0.15, 0.2, 0.25, 0.3, 0.35, 0.4),
        description="to try on the probability of a mention; the one with the best macro F1 on the validation file "
        "stays; []: the best path of tags instead",
    )
    trials: Annotated[int, Field(ge=0)] = Field(0, description="random trials of c1, c2 and min_frequency")

    @model_validator(mode="after")
    def _settings_agree(self) -> CrfSettings:
        if self.c1 and self.algorithm != "lbfgs":
            raise ValueError(f'crf.c1 = {self.c1:g} needs crf.algorithm = "lbfgs"; sgd has no L1')
        if 0 in self.thresholds:
            raise ValueError("crf.thresholds: 0 keeps every span; expected more than 0")
        return self


class EncoderSettings(Section):
    """The pretrained encoder, and how its pieces become words."""

    name: str = Field("minilm", description="short name of a packaged model, a hub name, or a local folder")
    keep_layers: Annotated[int, Field(ge=0)] = Field(0, description="use the lowest so many layers; 0: all")
    embeddings: Literal["all", "rows", "frozen"] = Field(
        "all",
        description="word embeddings: update all of them at each step, only the rows that the batch used, or none",
    )
    pooling: Literal["first", "mean", "first_last"] = Field("first", description="pieces to one vector a word")
    lowercase: bool = Field(False, description="lower-case words before the tokenizer sees them")
    window: Annotated[int, Field(ge=0)] = Field(
        0, description="most pieces in one pass; 0: the encoder's limit, 512 at most"
    )
    overlap: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="how much of a window the next one repeats")


class HeadSettings(Section):
    """The four slots after the encoder. Each name is a file in ``coner/encoder/<slot>/``."""

    layers: Annotated[tuple[int, ...], Field(min_length=1)] | Literal["all"] = Field(
        (-1,), description="hidden layers that the mix sees: 0 embeddings, -1 the last; or all of them"
    )
    mix: str = Field("last", description="how they become one: last, concat, weighted")
    context: str = Field("none", description="around each word: none, mlp, bilstm")
    width: Annotated[int, Field(ge=0)] = Field(0, description="width of the context's output; 0: the encoder's")
    dropout: Fraction = Field(0.1, description="after the context")
    blend: str = Field("none", description="with the neighbours: none, concat, average, learned, gate, convolution")
    decoder: str = Field("softmax", description="scores to tags: softmax, valid, crf")
    loss: str = Field(
        "cross_entropy", description="of words that decide for themselves: cross_entropy, weighted, focal"
    )
    scheme: Literal["iob2", "bioes"] = Field("iob2", description="tags that the head predicts")


class AuxiliarySettings(Section):
    """The coarse task, L = (1 - w) fine + w * scale * coarse, used in training only."""

    schedule: Literal["none", "constant", "linear", "residual"] = Field("none", description="how w goes over training")
    by: Literal["epoch", "step"] = Field("epoch", description="when w changes")
    start: Fraction = Field(1.0, description="w at the start (constant: throughout)")
    residual: Fraction = Field(0.1, description="w at the end, for residual")
    hold: Annotated[int, Field(ge=0)] = Field(4, description="last epochs that keep the end value")
    scale: Rate = Field(1.5, description="factor on the coarse loss")
    decoder: str = Field("crf", description="its own decoder: softmax, valid, crf")
    frozen: bool = Field(False, description="do not train the coarse layer and its decoder")

    @model_validator(mode="after")
    def _the_fine_loss_counts(self) -> AuxiliarySettings:
        if self.schedule == "constant" and self.start == 1:
            raise ValueError("auxiliary.start: a constant 1 leaves nothing to the fine loss; expected less than 1")
        return self


class GroupSettings(Section):
    """Parameters that share a learning rate: the first group whose pattern matches a parameter's name takes it."""

    match: tuple[str, ...] = Field(description="shell patterns on parameter names, such as encoder.*")
    rate: Rate = Field(description="peak learning rate")
    times: Annotated[float, Field(ge=0)] = Field(
        0, description="peak learning rate as a multiple of the encoder group's, in place of rate; 0: rate counts"
    )
    weight_decay: Rate = Field(0.01, description="AdamW's, on matrices; biases and norms are not decayed")
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="rate factor per encoder layer, downwards"
    )


HEAD_PARAMETERS = ("mix.*", "context.*", "blend.*", "emissions.*", "decoder.*", "auxiliary.*")


def _default_groups() -> dict[str, GroupSettings]:
    return {
        "encoder": GroupSettings(match=("encoder.*",), rate=3e-5),
        "head": GroupSettings(match=HEAD_PARAMETERS, rate=3e-4),
    }


class TrainSettings(Section):
    """The loop."""

    init: Path | None = Field(
        None, description="folder of a trained encoder model: start from its weights, as far as they fit"
    )
    epochs: Count = 8
    batch: Count = Field(32, description="sentences a step")
    batch_pieces: Count = Field(
        4096,
        description="most word pieces, padding included, in one pass of the encoder; "
        "a step that needs more takes several, with the same gradient",
    )
    groups: dict[str, GroupSettings] = Field(default_factory=_default_groups)
    warmup: Fraction = Field(0.1, description="part of all steps with a rising rate; then it falls linearly to zero")
    clip: Rate = Field(1.0, description="largest norm of the gradient; 0: no clipping")
    precision: Literal["auto", "float32", "bfloat16"] = Field("auto", description="auto: bfloat16 where it is native")
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    patience: Annotated[int, Field(ge=0)] = Field(
        0, description="stop after so many epochs without a better one; 0: never"
    )
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 10.0

    @model_validator(mode="before")
    @classmethod
    def _groups_change_the_defaults(cls, values: Any) -> Any:
        """A group that names only its rate keeps the default's patterns: ``train.groups.head.rate=1e-3`` is enough."""
        if isinstance(values, dict) and isinstance(given := values.get("groups"), dict):
            merged = {name: group.model_dump() for name, group in _default_groups().items()}
            for name, group in given.items():
                merged[name] = {**merged.get(name, {}), **group} if isinstance(group, dict) else group
            # A new group comes first: the default ones match everything.
            order = [*(n for n in given if n not in _default_groups()), *_default_groups()]
            values = {**values, "groups": {name: merged[name] for name in order}}
        return values


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


class VoteMember(Section):
    """One of a vote: its folder, what is in it, and how much it counts."""

    folder: Path = Field(description="folder of a trained model")
    kind: str
    seed: Seed | None = Field(None, description="that it was trained with, where it tells")
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class VoteSettings(Section):
    """How models vote."""

    members: Annotated[tuple[VoteMember, ...], Field(min_length=1)]
    threshold: Fraction | Literal["auto"] = Field(
        0.5, description="what the score of a mention must exceed; auto: of thresholds, the best on the validation file"
    )
    thresholds: Annotated[tuple[Fraction, ...], Field(min_length=1)] = Field(
        (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6),
        description="to try for auto; the one with the best macro F1 on the validation file stays",
    )


class VoteExperiment(Section):
    """A vote of trained models (``coner vote``): not read from a config, but recorded as every run is."""

    kind: Literal["vote"] = "vote"
    name: str = ""
    seed: Seed = Field(0, description="nothing here is left to chance; the members' seeds stand beside them")
    data: DataSettings = DataSettings()
    vote: VoteSettings


Experiment = CrfExperiment | EncoderExperiment
_SCHEMA: TypeAdapter[Experiment] = TypeAdapter(Annotated[Experiment, Field(discriminator="kind")])


def load_experiment(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read a config file and apply ``key.path=value`` overrides (values in TOML's syntax, or plain strings).

    Raises:
        ConfigError: the file or an override cannot be read, or a setting is unknown or out of range.
    """
    return parse_experiment(load_values(path, overrides), source=str(path))


def load_values(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """What a config file and overrides say, unchecked, with the file's name as ``name`` where they give none."""
    values = read_toml(path)
    for override in overrides:
        _apply(values, override)
    values.setdefault("name", path.stem)
    return values


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as plain values; ``ConfigError`` where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file in UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def override(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others in their place, section by section; neither is changed."""
    merged = dict(values)
    for key, change in changes.items():
        here = merged.get(key)
        merged[key] = override(here, change) if isinstance(here, dict) and isinstance(change, dict) else change
    return merged


def parse_experiment(values: dict[str, Any], source: str = "settings") -> Experiment:
    """Check a plain dictionary of settings; raises ``ConfigError`` that names the key path of the first fault."""
    try:
        return _SCHEMA.validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first_fault(error)}") from None


def _apply(values: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {override!r}: expected key.path=value, such as train.epochs=4")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    target = values
    for key in keys[:-1]:
        step = target.setdefault(key, {})
        if not isinstance(step, dict):
            raise ConfigError(f"--set {override!r}: {key!r} is a value, not a section")
        target = step
    target[keys[-1]] = value


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    kinds = {"crf", "encoder"}
    place = [str(part) for part in fault["loc"]]
    if place and place[0] in kinds:  # the union's branch, not a key of the file
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
    section: Any = CrfExperiment if error.errors()[0]["loc"][0] == "crf" else EncoderExperiment
    for key in place[:-1]:
        field = section.model_fields.get(key) if hasattr(section, "model_fields") else None
        # A key without a field is the name of a group, or the number of a further file.
        section = field.annotation if field is not None else ExtraFile if place[0] == "data" else GroupSettings
    return sorted(getattr(section, "model_fields", {}))
