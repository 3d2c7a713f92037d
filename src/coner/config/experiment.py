"""Settings that every config has: the data, and the base class of the settings of each family."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from coner.config.section import Fraction, Natural, Positive, Section, Seed
from coner.core.tags import InputScheme


class NoiseSettings(Section):
    """Keyboard typos in training sentences, and in copies of dev and test to evaluate on (``coner.data.noise``)."""

    rate: Fraction = Field(0.0, description="fraction of the training sentences that get typos; 0: none")
    where: Literal["context", "mentions", "both"] = Field("both", description="the words that may get typos")
    words: Positive = Field(2, description="noisy words of a sentence: a fraction if below 1, else 1 to this number")
    layout: str = Field("qwerty", description="keyboard: qwerty, qwertz, azerty, or a TOML file")
    seed: Seed = Field(1, description="seed of the typos")
    score: bool = Field(False, description="also evaluate copies of dev and test with typos in every sentence")

    @model_validator(mode="after")
    def _words_are_a_fraction_or_a_number(self) -> NoiseSettings:
        if self.words > 1 and self.words % 1:
            raise ValueError(f"data.noise.words: {self.words:g}; expected a share below 1, or a whole number")
        return self


class ExtraFile(Section):
    """An additional training file."""

    file: Path = Field(description="CoNLL or JSONL, also .gz, read like data.train")
    weight: Positive = Field(1.0, description="weight of its sentences in the loss; those of data.train have weight 1")
    map: str | None = Field(None, description="label map of a file with other labels: a built-in name or a TOML file")


class UnionFiles(Section):
    """Another data set to train on, with labels of its own."""

    train: Path = Field(description="training data, read like data.train")
    dev: Path | None = Field(None, description="dev file; none: split off train")
    test: Path | None = Field(None, description="test file")


class DataSettings(Section):
    """Data files, and how to read them. Training needs ``train``; ``test`` is evaluated once, at the end."""

    train: Path | None = Field(None, description="training data: a file or folder of any format that is read")
    dev: Path | None = Field(None, description="dev file, used for model selection; none: split off train")
    dev_share: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="fraction of train to split off as dev")
    take: Natural = Field(0, description="train on about this many sentences, with all classes in proportion; 0: all")
    take_seed: Seed | None = Field(
        None, description="seed of these sentences, fewer of which are part of more; none: always the same"
    )
    extra: tuple[ExtraFile, ...] = Field((), description="more training files, such as [{file = ..., weight = 0.3}]")
    union: tuple[UnionFiles, ...] = Field(
        (), description="data sets with other labels, each complete for its own, such as [{train = ..., dev = ...}]"
    )
    test: Path | None = Field(None, description="test file, evaluated once, at the end")
    taxonomy: str = Field(
        "auto", description="a built-in name, a TOML file, or auto: one that has all labels, else flat"
    )
    scheme: InputScheme = Field("auto", description="tag scheme of the files; auto: recognised from all tags of a file")
    columns: str | None = Field(None, description="columns of the files, such as word=2,tag=4; none: recognised")
    comment: str | None = Field(None, description="lines that start with this mark are headers too")
    lines: Literal["sentences", "wrapped"] = Field(
        "sentences", description="what a line of a document is; wrapped: paragraphs end at empty lines"
    )
    nested: Literal["outer", "inner"] = Field("outer", description="which of nested entities to keep")
    text: str | None = Field(None, description="key of the text in JSON files; none: recognised")
    rename: dict[str, str] = Field({}, description='new names of labels, such as {"Nom complet" = "Nom_complet"}')
    repair: bool = Field(False, description="repair faulty files where possible, and count the repairs")
    noise: NoiseSettings = NoiseSettings()

    @model_validator(mode="after")
    def _a_sample_has_a_size(self) -> DataSettings:
        if self.take_seed is not None and not self.take:
            raise ValueError(f"data.take_seed: got {self.take_seed} without data.take; expected both, or none")
        return self


class Experiment(Section):
    """Base class of the settings of a family, which adds its own sections."""

    kind: str
    name: str = Field("", description="name of the run; by default that of the config")
    seed: Seed = Field(42, description="seed of everything that is random")
    data: DataSettings = DataSettings()
