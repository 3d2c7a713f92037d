"""Settings of a span classifier: the pretrained encoder, and what follows it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from coner.config.section import Count, Fraction, Natural, Section
from coner.families.encoder.settings import FineTunedExperiment, FineTunedManifest


class SpanSettings(Section):
    """From word vectors to labelled spans."""

    layer: int = Field(-1, description="hidden layer: 0 embeddings, -1 the last")
    width: Natural = Field(0, description="width of a span's vector; 0: the encoder's")
    max_words: Annotated[int, Field(ge=0, le=64)] = Field(
        0, description="longest span; 0: that of all but one in a thousand mentions of the training split"
    )
    scores: Literal["linear", "cosine"] = Field(
        "linear",
        description="score of a class: a linear function of the span's vector, or a cosine with the class's own",
    )
    dropout: Fraction = Field(0.1, description="dropout of the spans' vectors")
    thresholds: Annotated[tuple[Fraction, ...], Field(min_length=1)] = Field(
        (0.2, 0.3, 0.4, 0.5, 0.6),
        description="candidate thresholds for the probability of a mention; chosen by macro F1 on dev",
    )


class SpanExperiment(FineTunedExperiment):
    """A config with ``kind = "span"``."""

    kind: Literal["span"]
    span: SpanSettings = SpanSettings()


class SpanManifest(FineTunedManifest):
    """``model.json`` of a span classifier."""

    settings: SpanExperiment
    threshold: Fraction
    max_words: Count
