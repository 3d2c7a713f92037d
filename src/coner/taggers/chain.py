"""Exact inference in a linear-chain CRF, in numpy: the best valid tags, and the probability of a span.

Shapes: B sentences of one length, W words, C tags. Scores are natural logarithms; a forbidden move is minus infinity,
so that it has no part in any sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from coner.tags import TagSet
from coner.types import Entity

Scores = NDArray[np.float64]
Ids = NDArray[np.intp]


class Chain:
    """Transitions between tags, those that the scheme forbids shut.

    Args:
        tags: the tags and their scheme.
        transitions: C x C, ``[i, j]`` for tag j right after tag i.
    """

    def __init__(self, tags: TagSet, transitions: Scores) -> None:
        self.tags = tags
        self.transitions = np.where(tags.allowed(), transitions, -np.inf)
        self.first = np.where(tags.allowed_first(), 0.0, -np.inf)
        self.last = np.where(tags.allowed_last(), 0.0, -np.inf)
        self._shift = float(transitions.max())
        self._exp = np.exp(self.transitions - self._shift)

    def best(self, emissions: Scores) -> Ids:
        """The best valid tags. B x W x C to B x W."""
        batch, length, _ = emissions.shape
        score = self.first + emissions[:, 0]
        back = np.zeros((batch, length, len(self.tags)), dtype=np.intp)
        for t in range(1, length):
            moves = score[:, :, None] + self.transitions
            back[:, t] = moves.argmax(axis=1)
            score = np.take_along_axis(moves, back[:, t, None], axis=1)[:, 0] + emissions[:, t]
        path = np.zeros((batch, length), dtype=np.intp)
        path[:, -1] = (score + self.last).argmax(axis=1)
        rows = np.arange(batch)
        for t in range(length - 1, 0, -1):
            path[:, t - 1] = back[rows, t, path[:, t]]
        return path

    def forward(self, emissions: Scores) -> Scores:
        """Log sums over all valid tags up to each word, its own tag given. B x W x C to the same."""
        alpha = np.empty_like(emissions)
        alpha[:, 0] = self.first + emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            alpha[:, t] = self._sum(alpha[:, t - 1], self._exp) + emissions[:, t]
        return alpha

    def backward(self, emissions: Scores) -> Scores:
        """Log sums over all valid tags after each word, its own tag given. B x W x C to the same."""
        beta = np.empty_like(emissions)
        beta[:, -1] = self.last
        for t in range(emissions.shape[1] - 2, -1, -1):
            beta[:, t] = self._sum(beta[:, t + 1] + emissions[:, t + 1], self._exp.T)
        return beta

    def _sum(self, scores: Scores, moves: Scores) -> Scores:
        highest = scores.max(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):  # no move leads there: the logarithm of zero is meant
            sums: Scores = np.log(np.exp(scores - highest) @ moves) + highest + self._shift
        return sums

    def probabilities(self, emissions: Scores, entities: Sequence[Entity]) -> list[float]:
        """Probability, over all valid tags, of exactly that span with that label, for entities of one sentence.

        Args:
            emissions: W x C.
        """
        alpha, beta = self.forward(emissions[None])[0], self.backward(emissions[None])[0]
        return [self.probability(emissions, alpha, beta, entity) for entity in entities]

    def probability(self, emissions: Scores, alpha: Scores, beta: Scores, entity: Entity) -> float:
        """The same for one entity, from the sentence's forward and backward sums (each W x C)."""
        span = Entity(0, entity.end - entity.start, entity.label)
        path = self.tags.encode([span], span.end)
        score = alpha[entity.start, path[0]]
        for t, (before, tag) in enumerate(pairwise(path), start=entity.start + 1):
            score += self.transitions[before, tag] + emissions[t, tag]
        if entity.end < len(emissions):
            after = self.transitions[path[-1]] + emissions[entity.end] + beta[entity.end]
            after[self.tags.ids[f"I-{entity.label}"]] = -np.inf  # there the mention would go on
            score += np.logaddexp.reduce(after)
        else:
            score += self.last[path[-1]]
        total = np.logaddexp.reduce(alpha[-1] + self.last)
        return float(min(1.0, np.exp(score - total)))
