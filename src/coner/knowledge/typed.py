"""The names in a sentence, with their types as numbers: the interface of a tagger to any knowledge base."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from coner.core.untrusted import is_text
from coner.knowledge.entry import Match
from coner.knowledge.knowledge import Knowledge

MAX_TYPES = 2000  # maximum types of a tagger, which has weights for each
MAX_OF_NAME = 8  # the likeliest types of a name; the rest counts as other
CACHED = 1 << 16  # names
DESCRIBED_TYPES, DESCRIBED_WEIGHT = 3, 0.1  # of a description: maximum types, minimum weight
MAX_WORDS, MAX_CHARACTERS = 12, 200  # maximum of a title and of a description
Types = tuple[tuple[int, float], ...]  # number and weight of each type, the likeliest first


class TypedMatch(NamedTuple):
    """A name in a sentence: ``words[start:end]``."""

    start: int
    end: int
    types: Types  # number T, of a tagger with T types, is *other*; the weights sum to ``Match.share``
    entries: int  # number of entries with that name
    prior: float  # sum of their priors
    alias: int = -1  # number of the name in the knowledge base


class TypedKnowledge:
    """The typed matches of a sentence.

    Args:
        knowledge: the knowledge base.
        types: the types of the tagger, each once; see ``choose_types``.
    """

    def __init__(self, knowledge: Knowledge, types: Sequence[str]) -> None:
        self.knowledge, self.types = knowledge, tuple(types)
        self._numbers = {name: number for number, name in enumerate(self.types)}
        self._known: dict[int, Types] = {}
        self._descriptions: dict[int, tuple[Mapping[str, str], str]] = {}

    def __call__(self, words: Sequence[str], *, leave_out: Collection[int] = ()) -> tuple[TypedMatch, ...]:
        """All matches, which may overlap, sorted by start and end; for ``leave_out`` see ``Knowledge.match``."""
        matches = self.knowledge.match(words, leave_out=leave_out)
        typed = self._weighted if leave_out else self._cached
        return tuple(TypedMatch(m.start, m.end, typed(m), m.entries, m.prior, m.alias) for m in matches)

    def describe(self, words: Sequence[str], match: TypedMatch) -> tuple[str, ...]:
        """``name ( types ; description )`` as words, from the likeliest entries; empty if they have neither.

        Labelled sources have no descriptions, so a training sentence gets none from its own mentions.
        """
        titles, description = self._description(match)
        likely = [number for number, weight in match.types[:DESCRIBED_TYPES] if weight >= DESCRIBED_WEIGHT]
        types = [self.types[number] for number in likely if number < len(self.types)]
        known = [" , ".join(_cut(titles.get(name, name)) for name in types), description]
        if not any(known):
            return ()
        return (*words[match.start : match.end], "(", *" ; ".join(filter(None, known)).split(), ")")

    def _description(self, match: TypedMatch) -> tuple[Mapping[str, str], str]:
        """The titles of types, and the first description, of the candidates of a match."""
        if (known := self._descriptions.get(match.alias)) is None:
            if len(self._descriptions) >= CACHED:
                self._descriptions = {}
            whole = Match(match.start, match.end, match.alias, {}, match.entries, match.prior)
            candidates = self.knowledge.candidates(whole, limit=DESCRIBED_TYPES)
            titles = {name: _cut(title) for one in reversed(candidates) for name, title in one.titles.items()}
            text = next((one.description for one in candidates if one.description), "")
            known = self._descriptions[match.alias] = titles, _cut(text)
        return known

    def _cached(self, match: Match) -> Types:
        if (known := self._known.get(match.alias)) is None:
            if len(self._known) >= CACHED:
                self._known = {}
            known = self._known[match.alias] = self._weighted(match)
        return known

    def _weighted(self, match: Match) -> Types:
        numbers = ((self._numbers[name], weight) for name, weight in match.types.items() if name in self._numbers)
        known = sorted(numbers, key=lambda item: (-item[1], item[0]))[:MAX_OF_NAME]
        other = match.share - sum(weight for _, weight in known)
        return (*known, (len(self.types), other)) if other > 1e-6 else tuple(known)


def _cut(text: str) -> str:
    return " ".join(text[:MAX_CHARACTERS].split()[:MAX_WORDS])


def choose_types(counts: Mapping[str, int], maximum: int = MAX_TYPES) -> tuple[str, ...]:
    """The types of a tagger, sorted: all, or the most frequent; names with control characters are left out."""
    ordered = sorted((name for name in counts if name and is_text(name)), key=lambda name: (-counts[name], name))
    return tuple(sorted(ordered[:maximum]))
