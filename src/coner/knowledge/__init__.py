"""Names with types from outside the sentence: build a knowledge base, find its names in text, look them up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coner.knowledge.folder import FolderKnowledge


def load(folder: str | Path) -> FolderKnowledge:
    """Open the knowledge base in a folder.

    ``ModelError`` if it is none, damaged, or of another version; ``MissingExtra`` if marisa-trie is not installed.
    """
    from coner.knowledge.folder import FolderKnowledge

    return FolderKnowledge(Path(folder))
