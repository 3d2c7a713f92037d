"""Names with types from outside the sentence: build a knowledge base, find its names in text, look them up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from coner.knowledge.folder import FolderKnowledge
    from coner.knowledge.knowledge import Knowledge

SERVER = ("http://", "https://")  # how the address of a knowledge base on a server begins


@overload
def load(place: Path) -> FolderKnowledge: ...


@overload
def load(place: str) -> Knowledge: ...


def load(place: str | Path) -> Knowledge:
    """Open the knowledge base in a folder, or in an index of an OpenSearch server (``https://localhost:9200/names``).

    User and password of a server are in the variables ``OPENSEARCH_USER`` and ``OPENSEARCH_PASSWORD``.

    Raises:
        ModelError: the folder or index is not a knowledge base, or one of another version, or is damaged; or the server
            does not answer.
        ConfigError: the address is invalid.
        MissingExtra: marisa-trie, or opensearch-py for a server, is not installed.
    """
    if str(place).startswith(SERVER):
        from coner.knowledge.opensearch import open_address

        return open_address(str(place))
    from coner.knowledge.folder import FolderKnowledge

    return FolderKnowledge(Path(place))
