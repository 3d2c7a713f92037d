"""Link predicted entities to the entries of a knowledge base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from coner.core.types import Entity
from coner.core.untrusted import is_text
from coner.knowledge.entry import Candidate
from coner.knowledge.knowledge import Knowledge

CANDIDATES = 100  # maximum entries of a name to choose from: the likeliest
CACHED = 1 << 14  # pairs of name and label


class Linker:
    """Gives each entity the id of an entry that has its words as a name.

    Args:
        knowledge: the knowledge base; entries without an id, or with one that is not text in one line, are ignored.
        labels: the labels that each type stands for, besides the label of the same name.
    """

    def __init__(self, knowledge: Knowledge, labels: Mapping[str, frozenset[str]]) -> None:
        self.knowledge, self._labels = knowledge, labels
        self._cached_id = lru_cache(CACHED)(self._id)

    def link(self, words: Sequence[str], entities: Sequence[Entity]) -> tuple[Entity, ...]:
        """The entities of a sentence, each with the id of the likeliest entry of its name, those of its label first."""
        return tuple([replace(e, kb_id=self._cached_id(" ".join(words[e.start : e.end]), e.label)) for e in entities])

    def _id(self, name: str, label: str) -> str:
        candidates = [one for one in self.knowledge.lookup(name, CANDIDATES) if one.id and is_text(one.id)]
        agreeing = (one for one in candidates if self._agrees(one, label))
        return next(agreeing, candidates[0]).id if candidates else ""

    def _agrees(self, candidate: Candidate, label: str) -> bool:
        return any(name == label or label in self._labels.get(name, ()) for name in candidate.types)
