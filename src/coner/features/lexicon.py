"""What features look words up in: learned from the training text before the CRF is, or read from the user's file."""

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
    """Words and what is known of them.

    Attributes:
        clusters: word to its clusters.
        gazetteer: the training mentions.
    """

    clusters: Clusters = field(default_factory=dict)
    gazetteer: Gazetteer = field(default_factory=Gazetteer)

    @classmethod
    def learn(
        cls, sentences: Sequence[Sentence], *, sizes: Sequence[int], seed: int, cluster_file: Path | None = None
    ) -> Lexicon:
        """Learn from labelled sentences.

        Args:
            sentences: the training part, and nothing else.
            sizes: numbers of clusters; none: no clusters.
            seed: of the clusters.
            cluster_file: clusters to take in place of learned ones.

        Raises:
            DataError: the cluster file cannot be read.
        """
        if cluster_file is not None:
            clusters = read_clusters(cluster_file)
        else:
            clusters = learn_clusters([sentence.words for sentence in sentences], sizes, seed)
        return cls(clusters, Gazetteer.learn(sentences))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for ``from_json``."""
        return {"clusters": self.clusters, "gazetteer": self.gazetteer.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Lexicon:
        """What ``to_json`` gave; ``KeyError`` where a part is missing."""
        clusters = {word: tuple(names) for word, names in values["clusters"].items()}
        return cls(clusters, Gazetteer.from_json(values["gazetteer"]))
