"""From the words of a sentence to the strings that the CRF weighs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coner.core.types import Entity
from coner.features.gazetteer import UNKNOWN, Known
from coner.features.lexicon import Lexicon
from coner.features.registry import SCOPES, Feature, Scope, Values, select

DEFAULT = (
    "word",
    "neighbour",
    "prefix",
    "suffix",
    "neighbour_suffix",
    "ngram",
    "shape",
    "beside",
    "bigram",
    "skipgram",
    "position",
    "topic",
    "cluster",
    "phrase",
    "mentioned",
)
MOST_TYPES = 20_000  # word types remembered; a large corpus has millions, each with some kilobytes of strings
ByOffset = dict[int, list[str]]


@dataclass(frozen=True, slots=True)
class Named:
    """A feature's function, and what stands before its values at each offset."""

    function: Callable[..., Values]
    prefixes: dict[int, str]

    @classmethod
    def of(cls, feature: Feature) -> Named:
        return cls(feature.function, {offset: feature.prefix(offset) for offset in feature.offsets})


class Extractor:
    """Computes the chosen features; those of a word type once only.

    Args:
        names: which features, in which order; none: ``DEFAULT``.
        lexicon: for the features that look words up.

    Attributes:
        names: the features chosen.
        by_scope: the same, by what they see.
        offsets: where words stand that give a word something, relative to it.
    """

    def __init__(self, names: Sequence[str] = (), lexicon: Lexicon | None = None) -> None:
        self.lexicon = lexicon or Lexicon()
        features = select(names, DEFAULT)
        self.names = tuple(feature.name for feature in features)
        self.by_scope = {scope: [Named.of(f) for f in features if f.scope == scope] for scope in SCOPES}
        self.offsets = sorted({offset for feature in features for offset in feature.offsets})
        self._types: dict[str, ByOffset] = {}

    def __call__(self, words: Sequence[str], own: Sequence[Entity] | None = None) -> list[list[str]]:
        """The features of each word of a sentence, as ``name=value``, ``name[offset]=value`` or ``name[side]=value``.

        Args:
            own: its entities, where the lexicon was learned from this very sentence too: see ``Gazetteer``.
        """
        letters = [self._of_type(word) for word in words]
        known = [self._given("gazetteer", k) for k in self.known(words, own)]
        shared = [f.prefixes[0] + value for f in self.by_scope["sentence"] for value in f.function(words)]
        rows = []
        for i in range(len(words)):
            row = [f.prefixes[0] + value for f in self.by_scope["place"] for value in f.function(words, i)]
            for offset in self.offsets:
                if 0 <= i + offset < len(words):
                    row += letters[i + offset][offset]
                    row += known[i + offset][offset]
            rows.append(row + shared)
        return rows

    def known(self, words: Sequence[str], own: Sequence[Entity] | None = None) -> list[Known]:
        """What the known mentions say of each word; nothing where no feature asks."""
        return self.lexicon.gazetteer.look_up(words, own) if self.by_scope["gazetteer"] else [UNKNOWN] * len(words)

    def _of_type(self, word: str) -> ByOffset:
        """What a word type gives to the words around by its letters: computed when it is first met."""
        strings = self._types.get(word)
        if strings is None:
            if len(self._types) >= MOST_TYPES:
                self._types.clear()
            strings = self._types[word] = self._given("word", word)
            for offset, some in self._given("cluster", self.lexicon.clusters.get(word, ())).items():
                strings[offset] += some
        return strings

    def _given(self, scope: Scope, seen: object) -> ByOffset:
        """The strings of one word's features of a scope, for the words from which it stands at each offset."""
        strings: ByOffset = {offset: [] for offset in self.offsets}
        for feature in self.by_scope[scope]:
            values = feature.function(seen)
            for offset, prefix in feature.prefixes.items():
                strings[offset] += [prefix + value for value in values]
        return strings
