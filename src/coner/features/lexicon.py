"""Word lists that features use: learned from the training sentences, or read from a user's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coner.core.types import Sentence
from coner.features.clusters import Clusters, learn_clusters, read_clusters
from coner.features.gazetteer import Gazetteer


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Clusters of words, and the training mentions."""

    clusters: Clusters = field(default_factory=dict)
    gazetteer: Gazetteer = field(default_factory=Gazetteer)

    @classmethod
    def learn(
        cls, sentences: Sequence[Sentence], *, sizes: Sequence[int], seed: int, cluster_file: Path | None = None
    ) -> Lexicon:
        """Learn from labelled training sentences.

        Args:
            sentences: the training split.
            sizes: numbers of clusters; empty: no clusters.
            seed: of the clusters.
            cluster_file: read the clusters from here instead.

        Raises:
            DataError: the cluster file cannot be read.
        """
        if cluster_file is not None:
            clusters = read_clusters(cluster_file)
        else:
            clusters = learn_clusters([sentence.words for sentence in sentences], sizes, seed)
        return cls(clusters, Gazetteer.learn(sentences))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"clusters": self.clusters, "gazetteer": self.gazetteer.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Lexicon:
        """From the result of ``to_json``; ``KeyError`` if it is incomplete."""
        clusters = {word: tuple(names) for word, names in values["clusters"].items()}
        return cls(clusters, Gazetteer.from_json(values["gazetteer"]))
