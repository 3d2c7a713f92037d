"""The manifest of an exported encoder."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from coner.config.section import Natural, Section
from coner.families.manifest import Manifest


class PieceSettings(Section):
    """How words become pieces (subword tokens), as in training."""

    pad: Natural
    unknown: Natural
    limit: Annotated[int, Field(ge=1)]
    overlap: Annotated[float, Field(ge=0, lt=1)]
    lowercase: bool


class OnnxManifest(Manifest):
    """``model.json`` of an exported encoder; ``settings`` are those of the encoder that was exported."""

    weights: Literal["int8", "float32"]
    scheme: Literal["iob2", "bioes"]
    decoder: Literal["crf", "softmax"]
    pieces: PieceSettings
    width: Annotated[int, Field(ge=1, le=1 << 16)] = 384  # of the encoder's hidden states; not in earlier exports
    settings: dict[str, Any]
