"""Linear chains by enumeration: every valid tag sequence of a short sentence, with its score."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np

from coner.core.tags import InvalidTags, Scheme, TagSet, entities_from_tags
from coner.core.types import Entity

SCHEMES: list[Scheme] = ["iob2", "bioes"]


def valid_paths(tags: TagSet, length: int) -> list[tuple[tuple[int, ...], list[Entity]]]:
    """Every tag sequence that the strict reader of tags accepts, with its entities."""
    paths = []
    for path in product(range(len(tags)), repeat=length):
        try:
            paths.append((path, entities_from_tags([tags.tags[i] for i in path], tags.scheme)))
        except InvalidTags:
            continue
    return paths


def all_spans(tags: TagSet, length: int) -> list[Entity]:
    """Every labelled span of a sentence."""
    return [Entity(a, b, x) for a in range(length) for b in range(a + 1, length + 1) for x in tags.labels]


def path_score(path: Any, emissions: Any, transitions: Any, first: Any, last: Any) -> Any:
    """Score of one path; from arrays or tensors."""
    moves = sum(transitions[a, b] for a, b in pairwise(path))
    return first[path[0]] + last[path[-1]] + sum(emissions[i, tag] for i, tag in enumerate(path)) + moves


class Paths:
    """All valid paths of one sentence.

    Args:
        tags: the tags and their scheme.
        emissions: W x C.
        transitions: C x C; by default 0, like ``first`` and ``last`` (C).

    Attributes:
        paths: the paths.
        entities: of each path.
        log_probabilities: of each path.
        best: the most probable path.
    """

    def __init__(self, tags: TagSet, emissions: Any, transitions: Any = None, first: Any = None, last: Any = None):
        size = len(tags)
        parts = [
            np.zeros(shape) if x is None else np.asarray(x, float)
            for x, shape in ((transitions, (size, size)), (first, size), (last, size))
        ]
        self.paths, self.entities = zip(*valid_paths(tags, len(emissions)), strict=True)
        scores = np.array([path_score(path, np.asarray(emissions, float), *parts) for path in self.paths])
        self.log_probabilities = scores - np.logaddexp.reduce(scores)
        self.best: tuple[int, ...] = self.paths[int(scores.argmax())]
        self._size = size

    def probability(self, entity: Entity) -> float:
        """Summed probability of the paths that contain exactly this entity."""
        containing = [log for log, some in zip(self.log_probabilities, self.entities, strict=True) if entity in some]
        return float(np.exp(np.logaddexp.reduce(containing)))

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Expected counts: of each tag at each word (W x C), and of each transition (C x C)."""
        tags, transitions = np.zeros((len(self.best), self._size)), np.zeros((self._size, self._size))
        for path, log in zip(self.paths, self.log_probabilities, strict=True):
            tags[range(len(path)), path] += np.exp(log)
            for move in pairwise(path):
                transitions[move] += np.exp(log)
        return tags, transitions
