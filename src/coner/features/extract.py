"""From the words of a sentence to the strings that the CRF weighs."""

from __future__ import annotations

from collections.abc import Sequence

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
ByOffset = dict[int, list[str]]


class Extractor:
    """Computes the chosen features; those of a word type once only.

    Args:
        names: which features, in which order; none: ``DEFAULT``.
        lexicon: for the features that look words up.

    Attributes:
        names: the features chosen.
    """

    def __init__(self, names: Sequence[str] = (), lexicon: Lexicon | None = None) -> None:
        self.lexicon = lexicon or Lexicon()
        features = select(names, DEFAULT)
        self.names = tuple(feature.name for feature in features)
        self._by_scope = {scope: [f for f in features if f.scope == scope] for scope in SCOPES}
        self._offsets = sorted({offset for feature in features for offset in feature.offsets})
        self._types: dict[str, ByOffset] = {}

    def __call__(self, words: Sequence[str], own: Sequence[Entity] | None = None) -> list[list[str]]:
        """The features of each word of a sentence, as ``name=value`` or ``name[offset]=value``.

        Args:
            own: its entities, where the lexicon was learned from this very sentence too: see ``Gazetteer``.
        """
        by_letters = [self._of_type(word) for word in words]
        by_mentions = self._of_mentions(words, own)
        shared = [f"{f.name}={value}" for f in self._by_scope["sentence"] for value in f.function(words)]
        rows = []
        for i in range(len(words)):
            row = [f"{f.name}={value}" for f in self._by_scope["place"] for value in f.function(words, i)]
            for offset in self._offsets:
                if 0 <= i + offset < len(words):
                    row += by_letters[i + offset][offset]
                    row += by_mentions[i + offset][offset]
            rows.append(row + shared)
        return rows

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

    def _of_mentions(self, words: Sequence[str], own: Sequence[Entity] | None) -> list[ByOffset]:
        """What the known mentions give to the words around."""
        if not self._by_scope["gazetteer"]:
            return [{offset: [] for offset in self._offsets}] * len(words)
        return [self._given("gazetteer", known) for known in self.lexicon.gazetteer.look_up(words, own)]

    def _given(self, scope: Scope, seen: object) -> ByOffset:
        """The strings of one word's features of a scope, for the words from which it stands at each offset."""
        strings: ByOffset = {offset: [] for offset in self._offsets}
        for feature in self._by_scope[scope]:
            for value in feature.function(seen):
                for offset in feature.offsets:
                    strings[offset].append(f"{feature.name}{f'[{offset:+}]' if offset else ''}={value}")
        return strings
