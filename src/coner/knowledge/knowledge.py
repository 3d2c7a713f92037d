"""The protocol of knowledge: which names are in a sentence, and what they may stand for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from coner.knowledge.entry import Candidate, Match


class Knowledge(Protocol):
    """Names with types. Taggers use this protocol only, so that what is behind it may be a folder or a server."""

    @property
    def hash(self) -> str:
        """Of its content, in hex; the record of a run and the manifest of a model name it."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether it was made from gold mentions, to see what a large knowledge base would be worth."""
        ...

    def match(self, words: Sequence[str], *, leave_out: Collection[int] = ()) -> list[Match]:
        """All names in a sentence, sorted by start and end.

        Labelled sources are matched as if they lacked the sentences with the texts ``leave_out`` (see ``text_number``).
        """
        ...

    def shared(self, texts: Collection[int]) -> dict[str, int]:
        """Labelled files that it was built from, or down-weighted by, with the number of these texts that they have."""
        ...

    def types(self) -> dict[str, int]:
        """The number of entries of each type."""
        ...

    def lookup(self, name: str, limit: int = 20) -> list[Candidate]:
        """The entries with that name, the likeliest first."""
        ...

    def candidates(self, match: Match, limit: int = 20) -> list[Candidate]:
        """The entries that a match may stand for, the likeliest first."""
        ...


KnowledgeBase: TypeAlias = str | Path | Knowledge  # a folder, an address, or what is opened


class Span(Protocol):
    """Words of a sentence."""

    @property
    def start(self) -> int:
        """The first word."""
        ...

    @property
    def end(self) -> int:
        """The word after the last one."""
        ...


S = TypeVar("S", bound=Span)


def leftmost_longest(matches: Sequence[S]) -> list[S]:
    """Matches that do not overlap: from the left, at each place the longest."""
    kept, end = list[S](), 0
    for match in sorted(matches, key=lambda match: (match.start, -match.end)):
        if match.start >= end:
            kept.append(match)
            end = match.end
    return kept
