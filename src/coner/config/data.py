"""Settings of the data: files, how to read them, noise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from coner.config.section import Fraction, Section, Seed
from coner.core.tags import Scheme


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
