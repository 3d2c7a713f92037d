"""What a tagger asks: the names in a sentence, with their types as numbers. It knows nothing of what is behind it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from coner.core.untrusted import is_text
from coner.knowledge.entry import Match
from coner.knowledge.knowledge import Knowledge

MOST_TYPES = 2000  # of a tagger: it has weights for each
MOST_OF_NAME = 8  # the likeliest types of a name; the rest counts as other
CACHED = 1 << 16  # names
Types = tuple[tuple[int, float], ...]  # number of a type, and its weight; the likeliest first


class TypedMatch(NamedTuple):
    """A name in a sentence: ``words[start:end]``."""

    start: int
    end: int
    types: Types  # the number of types of the tagger stands for all others, and for none; weights sum to the share
    entries: int  # number of things of that name
    prior: float  # sum of their priors


class TypedKnowledge:
    """The typed matches of a sentence.

    Args:
        knowledge: where they are found.
        types: those that the tagger knows, each once; see ``choose_types``.
    """

    def __init__(self, knowledge: Knowledge, types: Sequence[str]) -> None:
        self.knowledge, self.types = knowledge, tuple(types)
        self._numbers = {name: number for number, name in enumerate(self.types)}
        self._known: dict[int, Types] = {}

    def __call__(self, words: Sequence[str], *, leave_out: Collection[int] = ()) -> tuple[TypedMatch, ...]:
        """All matches, which may overlap, sorted by start and end; ``leave_out`` as of ``Knowledge.match``."""
        matches = self.knowledge.match(words, leave_out=leave_out)
        typed = self._weighted if leave_out else self._cached
        return tuple(TypedMatch(m.start, m.end, typed(m), m.entries, m.prior) for m in matches)

    def _cached(self, match: Match) -> Types:
        if (known := self._known.get(match.alias)) is None:
            if len(self._known) >= CACHED:
                self._known = {}
            known = self._known[match.alias] = self._weighted(match)
        return known

    def _weighted(self, match: Match) -> Types:
        numbers = ((self._numbers[name], weight) for name, weight in match.types.items() if name in self._numbers)
        known = sorted(numbers, key=lambda item: (-item[1], item[0]))[:MOST_OF_NAME]
        other = match.share - sum(weight for _, weight in known)
        return (*known, (len(self.types), other)) if other > 1e-6 else tuple(known)


def choose_types(counts: Mapping[str, int], most: int = MOST_TYPES) -> tuple[str, ...]:
    """The types that a tagger gets to know, sorted: all, or the most frequent ones; names that are no text are not."""
    ordered = sorted((name for name in counts if name and is_text(name)), key=lambda name: (-counts[name], name))
    return tuple(sorted(ordered[:most]))
