"""From the words of a sentence to the strings that the CRF assigns weights to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.features.clusters import Clusters, learn_clusters, read_clusters
from coner.features.function_words import learn_function_words
from coner.features.functions import FEATURES, SCOPES, STOP_WORDS, Feature, Scope
from coner.features.gazetteer import UNKNOWN, Gazetteer, GazetteerEntry
from coner.features.known import Covers, LookUp

MAX_CACHED = 20_000  # word types; a large corpus has millions, each with some kilobytes of strings
ByOffset = dict[int, list[str]]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Clusters of words, the training mentions, and function words."""

    clusters: Clusters = field(default_factory=dict)
    gazetteer: Gazetteer = field(default_factory=Gazetteer)
    function_words: frozenset[str] = STOP_WORDS

    @classmethod
    def learn(
        cls, sentences: Sequence[Sentence], *, sizes: Sequence[int], seed: int, cluster_file: Path | None = None
    ) -> Lexicon:
        """Learn clusters and gazetteer from labelled training sentences; the function words are English.

        ``sizes`` are numbers of clusters, learned with ``seed``; with a ``cluster_file`` the clusters are read from it
        instead (errors as in ``read_clusters``).
        """
        words = [sentence.words for sentence in sentences]
        clusters = read_clusters(cluster_file) if cluster_file else learn_clusters(words, sizes, seed)
        return cls(clusters, Gazetteer.learn(sentences))

    def with_function_words(self, sentences: Sequence[Sentence]) -> Lexicon:
        """The same with function words learned from labelled training sentences, of any language."""
        return replace(self, function_words=learn_function_words(sentences))

    def to_json(self) -> dict[str, Any]:
        values: dict[str, Any] = {"clusters": self.clusters, "gazetteer": self.gazetteer.to_json()}
        if self.function_words != STOP_WORDS:
            values["function_words"] = sorted(self.function_words)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Lexicon:
        """Reverse ``to_json``; ``KeyError``, ``TypeError`` or ``AttributeError`` if values are missing or differ."""
        clusters = {word: tuple(names) for word, names in values["clusters"].items()}
        if not all(isinstance(name, str) for names in clusters.values() for name in names):
            raise TypeError("clusters: expected a list of names for each word")
        function_words = frozenset(values.get("function_words", STOP_WORDS))
        return cls(clusters, Gazetteer.from_json(values["gazetteer"]), function_words)


class Extractor:
    """Computes the named features, in this order, by default the default ones; those of a word type are cached.

    ``known`` finds the names of a knowledge base; with it, all ``knowledge`` features are added unless some are named.
    ``ConfigError`` for an unknown or repeated name, or a ``knowledge`` feature without a knowledge base.
    """

    def __init__(
        self, names: Sequence[str] = (), lexicon: Lexicon | None = None, *, known: LookUp | None = None
    ) -> None:
        self.lexicon, self._look_up = lexicon or Lexicon(), known
        self.names = tuple(names) or tuple(name for name, feature in FEATURES.items() if feature.default)
        of_knowledge = [name for name, feature in FEATURES.items() if feature.scope == "knowledge"]
        named = [name for name in self.names if name in of_knowledge]
        if named and known is None:
            raise ConfigError(f"crf.features: got {named[0]!r} without a knowledge base. Fix: set knowledge.base")
        if known is not None and not named:
            self.names += tuple(of_knowledge)
        for name, count in Counter(self.names).items():
            if name not in FEATURES:
                raise ConfigError(f"crf.features: got {name!r}; expected any of: {', '.join(sorted(FEATURES))}")
            if count > 1:
                raise ConfigError(f"crf.features: got {name!r} twice; expected each feature once")
        features = [_of_content(FEATURES[name], self.lexicon.function_words) for name in self.names]
        self.by_scope = {scope: [feature for feature in features if feature.scope == scope] for scope in SCOPES}
        self.offsets = sorted({offset for feature in features for offset in feature.prefixes})  # of words used
        self._cache: dict[str, ByOffset] = {}

    def __call__(self, words: Sequence[str], exclude: Sequence[Entity] | None = None) -> list[list[str]]:
        """The features of each word of a sentence, as ``name=value``, ``name[offset]=value`` or ``name[side]=value``.

        ``exclude``: its gold entities, if the lexicon was learned from this sentence; see ``Gazetteer.look_up``.
        """
        of_words = [self._of_type(word) for word in words]
        of_entries = [self._by_offset("gazetteer", entry) for entry in self.entries(words, exclude)]
        of_known = [self._by_offset("knowledge", covers) for covers in self.known(words)]
        shared = [f.prefixes[0] + value for f in self.by_scope["sentence"] for value in f.function(words)]
        rows = []
        for i in range(len(words)):
            row = [f.prefixes[0] + value for f in self.by_scope["place"] for value in f.function(words, i)]
            for offset in self.offsets:
                if 0 <= i + offset < len(words):
                    row += of_words[i + offset][offset]
                    row += of_entries[i + offset][offset]
                    row += of_known[i + offset][offset]
            rows.append(row + shared)
        return rows

    def entries(self, words: Sequence[str], exclude: Sequence[Entity] | None = None) -> list[GazetteerEntry]:
        """The gazetteer entry of each word; empty ones if no feature uses them."""
        return self.lexicon.gazetteer.look_up(words, exclude) if self.by_scope["gazetteer"] else [UNKNOWN] * len(words)

    def known(self, words: Sequence[str]) -> Sequence[Covers]:
        """The names of the knowledge base that cover each word; empty ones if there is none."""
        return [()] * len(words) if self._look_up is None else self._look_up(words)

    def _of_type(self, word: str) -> ByOffset:
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


def _of_content(feature: Feature, function_words: frozenset[str]) -> Feature:
    """A feature that has no function words as values, if it asks for that."""

    def content(*arguments: object) -> list[str]:
        return [value for value in feature.function(*arguments) if value not in function_words]

    return replace(feature, function=content) if feature.content else feature
