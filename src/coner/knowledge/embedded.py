"""A knowledge base in a model folder, with its names as text, from which the trie is built.

Models are shared, and the library that reads a stored trie trusts its file.
"""

from __future__ import annotations

from pathlib import Path

from coner.core.errors import ModelError
from coner.core.untrusted import read_regular
from coner.knowledge.description import NAMES, read_description
from coner.knowledge.folder import FolderKnowledge

MAX_BYTES, MAX_NAMES = 1 << 30, 20_000_000  # of the file of names


def open_embedded(folder: Path) -> FolderKnowledge:
    """Open what ``FolderKnowledge.embed`` wrote; ``ModelError`` if it is damaged."""
    expected = read_description(folder).names
    try:
        content = read_regular(folder / NAMES, MAX_BYTES)
        # Before they are objects, which take much more memory than the file.
        if (count := content.count(b"\n")) != expected or count > MAX_NAMES:
            raise ValueError(f"got {count} names; expected {expected}, at most {MAX_NAMES:,}")
        names = content.decode().split("\n")[:-1]
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / NAMES}: cannot be read: {error}. Fix: copy the whole model again") from None
    return FolderKnowledge(folder, names=names)
