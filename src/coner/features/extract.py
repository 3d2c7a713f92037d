"""From the words of a sentence to the strings that the CRF weighs."""

from __future__ import annotations

from collections.abc import Sequence

from coner.features.gazetteer import Known
from coner.features.lexicon import Lexicon
from coner.features.registry import SCOPES, Scope, select
from coner.types import Entity

DEFAULT = (
    "word",
    "neighbour",
    "prefix",
    "suffix",
    "neighbour_suffix",
    "ngram",
    "shape",
    "bigram",
    "position",
    "topic",
    "cluster",
    "phrase",
    "mentioned",
)
MOST_TYPES = 20_000  # word types remembered; a large corpus has millions, each with some kilobytes of strings
UNKNOWN = Known(0)
ByOffset = dict[int, list[str]]


class Extractor:
    """Computes the chosen features; those of a word type once only.

    Args:
        names: which features, in which order; none: ``DEFAULT``.
        lexicon: for the features that look words up.

    Attributes:
        names: the features chosen.
        offsets: where words stand that give a word something, relative to it.
    """

    def __init__(self, names: Sequence[str] = (), lexicon: Lexicon | None = None) -> None:
        self.lexicon = lexicon or Lexicon()
        features = select(names, DEFAULT)
        self.names = tuple(feature.name for feature in features)
        self._by_scope = {scope: [f for f in features if f.scope == scope] for scope in SCOPES}
        self.offsets = sorted({offset for feature in features for offset in feature.offsets})
        self._types: dict[str, ByOffset] = {}

    def __call__(self, words: Sequence[str], own: Sequence[Entity] | None = None) -> list[list[str]]:
        """The features of each word of a sentence, as ``name=value`` or ``name[offset]=value``.

        Args:
            own: its entities, where the lexicon was learned from this very sentence too: see ``Gazetteer``.
        """
        given = [self.given(word, known) for word, known in zip(words, self.known(words, own), strict=True)]
        shared = self.of_sentence(words)
        rows = []
        for i in range(len(words)):
            row = self.of_place(words, i)
            for offset in self.offsets:
                if 0 <= i + offset < len(words):
                    for strings in given[i + offset]:
                        row += strings[offset]
            rows.append(row + shared)
        return rows

    def known(self, words: Sequence[str], own: Sequence[Entity] | None = None) -> list[Known]:
        """What the known mentions say of each word; nothing where no feature asks."""
        return self.lexicon.gazetteer.look_up(words, own) if self._by_scope["gazetteer"] else [UNKNOWN] * len(words)

    def given(self, word: str, known: Known) -> tuple[ByOffset, ByOffset]:
        """What a word gives to the words around, by its letters and by what is known of it."""
        return self._of_type(word), self._given("gazetteer", known)

    def of_place(self, words: Sequence[str], i: int) -> list[str]:
        """What a word gets from its place among its neighbours."""
        return [f"{f.name}={value}" for f in self._by_scope["place"] for value in f.function(words, i)]

    def of_sentence(self, words: Sequence[str]) -> list[str]:
        """What every word of a sentence gets from the whole of it."""
        return [f"{f.name}={value}" for f in self._by_scope["sentence"] for value in f.function(words)]

    def _of_type(self, word: str) -> ByOffset:
        """What a word type gives to the words around: computed when it is first met."""
        strings = self._types.get(word)
        if strings is None:
            if len(self._types) >= MOST_TYPES:
                self._types.clear()
            strings = self._types[word] = self._given("word", word)
            for offset, values in self._given("cluster", self.lexicon.clusters.get(word, ())).items():
                strings[offset] += values
        return strings

    def _given(self, scope: Scope, seen: object) -> ByOffset:
        """The strings of one word's features of a scope, for the words from which it stands at each offset."""
        strings: ByOffset = {offset: [] for offset in self.offsets}
        for feature in self._by_scope[scope]:
            for value in feature.function(seen):
                for offset in feature.offsets:
                    strings[offset].append(f"{feature.name}{f'[{offset:+}]' if offset else ''}={value}")
        return strings
