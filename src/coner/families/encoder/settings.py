"""Settings of the network: the pretrained encoder, the slots of its head, the auxiliary task."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from coner.config.experiment import Experiment
from coner.config.section import Fraction, Rate, Section
from coner.families.encoder.training.settings import TrainSettings
from coner.families.manifest import Manifest


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


class EncoderExperiment(Experiment):
    """A config with ``kind = "encoder"``."""

    kind: Literal["encoder"]
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


class EncoderManifest(Manifest):
    """``model.json`` of an encoder tagger."""

    settings: EncoderExperiment
