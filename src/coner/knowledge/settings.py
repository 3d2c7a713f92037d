"""Settings of the knowledge base that a tagger uses, shared by the families that can."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from coner.config.section import Section


class KnowledgeSettings(Section):
    """Types of the names in a sentence, from a knowledge base (coner kb build)."""

    base: Path | None = Field(None, description="folder of the knowledge base; none: the tagger uses none")
    embed: bool = Field(False, description="copy the knowledge base into the model folder")
    oracle: bool = Field(
        False, description="allow a knowledge base that knows mentions of dev or test; the record is marked"
    )
