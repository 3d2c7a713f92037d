"""The part of a manifest about the knowledge base of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from coner.core.errors import ConfigError
from coner.core.untrusted import is_text
from coner.knowledge.typed import MAX_TYPES

EMBEDDED = "knowledge"  # folder of an embedded knowledge base in a model folder


class KnowledgeUse(BaseModel):
    """The knowledge base that a tagger was trained with, in ``model.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    types: Annotated[tuple[str, ...], Field(max_length=MAX_TYPES)]  # those of the tagger, sorted

    @model_validator(mode="after")
    def _check_types(self) -> Self:
        if list(self.types) != sorted({name for name in self.types if name and is_text(name)}):
            raise ValueError("knowledge.types: got others; expected sorted texts, each once")
        return self


def require_no_knowledge(use: KnowledgeUse | None, folder: Path, what: str) -> None:
    """``ConfigError`` if a model uses a knowledge base, which ``what`` does not support."""
    if use is not None:
        raise ConfigError(f"{folder}: got a model that uses a knowledge base, which {what} does not support")
