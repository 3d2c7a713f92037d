"""Whether confidences are right as often as they say: reliability bins, expected calibration error, Brier score.

Bins of equal width and their mean gap: Naeini, Cooper and Hauskrecht 2015; the squared error: Brier 1950. Judged are
predicted entities, each by the score that it came with; mentions that were not predicted have none and do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from coner.core.types import Entity

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Predictions whose confidence is above ``low`` and at most ``high`` (the first bin holds 0 too).

    Attributes:
        count: how many; at least one.
        confidence: their mean confidence.
        accuracy: the share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How far confidences can be believed. All are fractions of 1; the errors are 0 where nothing was predicted.

    Attributes:
        count: predictions.
        error: expected calibration error: mean distance of accuracy and confidence, bins weighted by their count.
        brier: mean squared distance of the confidence from 1 where it is right, from 0 where not.
        bins: those that are not empty, from low to high.
    """

    count: int
    error: float
    brier: float
    bins: tuple[Bin, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def calibrate(
    gold: Iterable[Sequence[Entity]], predicted: Iterable[Sequence[Entity]], *, bins: int = BINS
) -> Calibration:
    """Judge the confidences of all predictions; ``ValueError`` where the numbers of sentences differ."""
    scores, right = list[float](), list[bool]()
    for truth, found in zip(gold, predicted, strict=True):
        mentions = set(truth)
        scores += [entity.score for entity in found]
        right += [entity in mentions for entity in found]
    return reliability(np.array(scores, dtype=np.float64), np.array(right, dtype=np.bool_), bins=bins)


def reliability(scores: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], *, bins: int = BINS) -> Calibration:
    """The same from numbers: confidences from 0 to 1 and whether each is right, N and N."""
    if not len(scores):
        return Calibration(0, 0.0, 0.0, ())
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], scores)
    counts = np.bincount(place, minlength=bins)
    sums = np.bincount(place, weights=scores, minlength=bins)
    hits = np.bincount(place, weights=right, minlength=bins)
    filled = tuple(
        Bin(
            float(edges[i]), float(edges[i + 1]), int(counts[i]), float(sums[i] / counts[i]), float(hits[i] / counts[i])
        )
        for i in np.flatnonzero(counts)
    )
    error = float(np.abs(hits - sums).sum() / len(scores))
    return Calibration(len(scores), error, float(np.mean((scores - right) ** 2)), filled)
