"""From the words of a sentence to the strings that the CRF assigns weights to."""

from __future__ import annotations

from collections.abc import Sequence

from coner.core.types import Entity
from coner.features import functions  # noqa: F401  (registers the features)
from coner.features.gazetteer import UNKNOWN, Entry
from coner.features.lexicon import Lexicon
from coner.features.registry import SCOPES, Scope, select

MAX_CACHED = 20_000  # word types; a large corpus has millions, each with some kilobytes of strings
ByOffset = dict[int, list[str]]


class Extractor:
    """Computes the chosen features; those of a word type only once.

    Args:
        names: the features, in order; none: all.
        lexicon: for the features that look words up.

    Attributes:
        names: the chosen features.
        by_scope: the same, by scope.
        offsets: of all words whose values a word gets.
    """

    def __init__(self, names: Sequence[str] = (), lexicon: Lexicon | None = None) -> None:
        self.lexicon = lexicon or Lexicon()
        features = select(names)
        self.names = tuple(feature.name for feature in features)
        self.by_scope = {scope: [feature for feature in features if feature.scope == scope] for scope in SCOPES}
        self.offsets = sorted({offset for feature in features for offset in feature.prefixes})
        self._cache: dict[str, ByOffset] = {}

    def __call__(self, words: Sequence[str], exclude: Sequence[Entity] | None = None) -> list[list[str]]:
        """The features of each word of a sentence, as ``name=value``, ``name[offset]=value`` or ``name[side]=value``.

        Args:
            exclude: the sentence's entities, if the lexicon was learned from it: see ``Gazetteer.look_up``.
        """
        of_words = [self._of_type(word) for word in words]
        of_entries = [self._by_offset("gazetteer", entry) for entry in self.entries(words, exclude)]
        shared = [f.prefixes[0] + value for f in self.by_scope["sentence"] for value in f.function(words)]
        rows = []
        for i in range(len(words)):
            row = [f.prefixes[0] + value for f in self.by_scope["place"] for value in f.function(words, i)]
            for offset in self.offsets:
                if 0 <= i + offset < len(words):
                    row += of_words[i + offset][offset]
                    row += of_entries[i + offset][offset]
            rows.append(row + shared)
        return rows

    def entries(self, words: Sequence[str], exclude: Sequence[Entity] | None = None) -> list[Entry]:
        """The gazetteer entry of each word; empty ones if no feature uses them."""
        return self.lexicon.gazetteer.look_up(words, exclude) if self.by_scope["gazetteer"] else [UNKNOWN] * len(words)

    def _of_type(self, word: str) -> ByOffset:
        """What a word contributes to the words around it by its letters and clusters; cached."""
        strings = self._cache.get(word)
        if strings is None:
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
            strings = self._cache[word] = self._by_offset("word", word)
            for offset, values in self._by_offset("cluster", self.lexicon.clusters.get(word, ())).items():
                strings[offset] += values
        return strings

    def _by_offset(self, scope: Scope, argument: object) -> ByOffset:
        """The strings of all features of a scope for one word, by the offset at which other words get them."""
        strings: ByOffset = {offset: [] for offset in self.offsets}
        for feature in self.by_scope[scope]:
            values = feature.function(argument)
            for offset, prefix in feature.prefixes.items():
                strings[offset] += [prefix + value for value in values]
        return strings
