"""Settings of an encoder tagger: the pretrained encoder, the components of its head, the auxiliary task."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from coner.config.experiment import Experiment
from coner.config.section import Fraction, Natural, Rate, Section
from coner.families.encoder.training.settings import TrainSettings
from coner.families.manifest import Manifest
from coner.knowledge.settings import KnowledgeSettings


def _names(slot: str) -> str:
    """The components of a slot, by file name: their registries need torch."""
    modules = pkgutil.iter_modules([str(Path(__file__).with_name(slot))])
    return ", ".join(sorted(module.name for module in modules if not module.name.startswith("_")))


class EncoderSettings(Section):
    """The pretrained encoder, and how its pieces become words."""

    name: str = Field("minilm", description="short name of a packaged model, a hub name, or a local folder")
    keep_layers: Natural = Field(0, description="number of lowest layers to use; 0: all")
    freeze_layers: Natural = Field(
        0, description="number of lowest layers that do not train, nor the embeddings; computed once; 0: none"
    )
    unfreeze_after: Fraction = Field(
        1.0, description="fraction of the epochs after which the frozen layers train too; 1: they never train"
    )
    embeddings: Literal["all", "rows", "frozen"] = Field(
        "all", description="word embeddings to update at each step: all, the rows that the batch used, or none (frozen)"
    )
    pooling: Literal["first", "mean", "first_last"] = Field("first", description="from pieces to one vector per word")
    lowercase: bool = Field(False, description="lower-case words before the tokenizer")
    window: Natural = Field(0, description="maximum number of pieces per pass; 0: the encoder's limit, at most 512")
    overlap: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="fraction of a window that the next repeats")


class HeadSettings(Section):
    """The components after the encoder; each name is a file in ``families/encoder/<slot>/``."""

    layers: Annotated[tuple[int, ...], Field(min_length=1)] | Literal["all"] = Field(
        (-1,), description='hidden layers for the mix: 0 embeddings, -1 the last; or "all"'
    )
    mix: str = Field("last", description=f"combines the layers: {_names('mix')}")
    context: str = Field("none", description=f"layer over the words of a sentence: {_names('context')}")
    width: Natural = Field(0, description="width of the context's output; 0: the encoder's")
    dropout: Fraction = Field(0.1, description="dropout after the context")
    blend: str = Field("none", description=f"combines a word with its neighbours: {_names('blend')}")
    decoder: str = Field("crf", description=f"from scores to tags: {_names('decoder')}")
    loss: str = Field("cross_entropy", description=f"token-level loss, not for crf: {_names('loss')}")
    consistency: Rate = Field(
        0.0, description="weight of the divergence between the tags of two passes (R-Drop, its alpha / 2); 0: one pass"
    )
    scheme: Literal["iob2", "bioes"] = Field("iob2", description="tag scheme of the predictions")


class AuxiliarySettings(Section):
    """The coarse task, L = (1 - w) fine + w * scale * coarse, used in training only."""

    schedule: Literal["none", "constant", "linear", "residual"] = Field("none", description="how w changes")
    by: Literal["epoch", "step"] = Field("epoch", description="when w changes")
    start: Fraction = Field(1.0, description="w at the start (constant: throughout)")
    residual: Fraction = Field(0.1, description="w at the end, for residual")
    hold: Natural = Field(4, description="last epochs that keep the end value")
    scale: Rate = Field(1.5, description="factor on the coarse loss")
    decoder: str = Field("crf", description=f"decoder of the coarse tags: {_names('decoder')}")
    frozen: bool = Field(False, description="do not train the coarse layer and its decoder")
    sets: Literal["both", "coarse"] = Field("both", description="losses that learn from sets of labels (label maps)")

    @model_validator(mode="after")
    def _check_constant_weight(self) -> AuxiliarySettings:
        if self.schedule == "constant" and self.start == 1:
            raise ValueError("auxiliary.start: got 1 for a constant weight, which drops the fine loss; expected less")
        if self.sets == "coarse" and self.schedule == "none":
            raise ValueError("auxiliary.sets: got coarse without a coarse loss; expected a schedule other than none")
        return self


class EncoderKnowledgeSettings(KnowledgeSettings):
    """Types of the names in a sentence (coner kb build), joined to the word vectors before the context."""

    join: str = Field("add", description=f"how types join the word vectors: {_names('knowledge')}")
    text: Annotated[int, Field(ge=0, le=200)] = Field(
        0, description="maximum number of pieces of text about the matches, after the sentence; 0: none"
    )
    dropout: Fraction = Field(0.5, description="fraction of the matches that a training step leaves out")
    warm_up: Natural = Field(1, description="number of first epochs in which the encoder is frozen")


class FineTunedExperiment(Experiment):
    """A config of a family that fine-tunes a pretrained encoder; the family adds sections of its own."""

    encoder: EncoderSettings = EncoderSettings()
    train: TrainSettings = TrainSettings()

    @model_validator(mode="after")
    def _check_frozen(self) -> FineTunedExperiment:
        if self.encoder.unfreeze_after < 1 and not self.encoder.freeze_layers:
            got = f"got {self.encoder.unfreeze_after} with encoder.freeze_layers = 0, which freezes nothing"
            raise ValueError(f"encoder.unfreeze_after: {got}. Fix: set encoder.freeze_layers too, such as 3")
        return self


class FineTunedManifest(Manifest):
    """``model.json`` of a fine-tuned encoder."""

    settings: FineTunedExperiment


class EncoderExperiment(FineTunedExperiment):
    """A config with ``kind = "encoder"``."""

    kind: Literal["encoder"]
    head: HeadSettings = HeadSettings()
    auxiliary: AuxiliarySettings = AuxiliarySettings()
    knowledge: EncoderKnowledgeSettings = EncoderKnowledgeSettings()

    @model_validator(mode="after")
    def _check_combinations(self) -> EncoderExperiment:
        head, layers = self.head, len(self.head.layers)
        if head.mix == "last" and layers != 1:
            raise ValueError(f'head.layers: got {layers} layers for head.mix = "last"; expected one, or another mix')
        if head.decoder == "crf" and head.loss != "cross_entropy":
            raise ValueError(f'head.loss: got "{head.loss}", but the CRF has its own loss; expected softmax or valid')
        if self.knowledge.base is not None and self.knowledge.warm_up >= self.train.epochs:
            got = f"got {self.knowledge.warm_up} of {self.train.epochs} epochs"
            raise ValueError(
                f"knowledge.warm_up: {got}, in which the encoder does not train; expected fewer. Fix: set it to 0"
            )
        if self.knowledge.base is not None and self.knowledge.join == "none" and not self.knowledge.text:
            fix = "Fix: set knowledge.text to a number of pieces such as 32, or leave knowledge.base (--kb) out"
            raise ValueError(f'knowledge.join: got "none" with knowledge.text = 0, which use no knowledge. {fix}')
        if self.knowledge.base is not None and self.knowledge.text and self.encoder.freeze_layers:
            got = f"got {self.knowledge.text} with encoder.freeze_layers = {self.encoder.freeze_layers}"
            raise ValueError(
                f"knowledge.text: {got}, whose stored outputs do not include the text; expected one of them 0"
            )
        return self


class EncoderManifest(FineTunedManifest):
    """``model.json`` of an encoder tagger."""

    settings: EncoderExperiment
