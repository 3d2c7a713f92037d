"""A knowledge base in a model folder, with its names as text, from which the trie is built.

Models are shared, and the library that reads a stored trie trusts its file.
"""

from __future__ import annotations

from pathlib import Path

from coner.core.errors import ModelError
from coner.core.untrusted import read_regular
from coner.knowledge.description import NAMES
from coner.knowledge.folder import FolderKnowledge

MOST = 1 << 30  # maximum bytes of the names


def open_embedded(folder: Path) -> FolderKnowledge:
    """Open what ``FolderKnowledge.embed`` wrote; ``ModelError`` if it is damaged."""
    try:
        names = read_regular(folder / NAMES, MOST).decode().split("\n")[:-1]
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / NAMES}: cannot be read: {error}. Fix: copy the whole model again") from None
    return FolderKnowledge(folder, names=names)
