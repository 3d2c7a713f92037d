"""Calibration of confidences: reliability bins, expected calibration error, Brier score.

Bins of equal width and their mean gap: Naeini, Cooper and Hauskrecht 2015; the squared error: Brier 1950. Only
predicted entities count; a mention that was not predicted has no confidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coner.core.types import Entity

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Predictions, at least one, whose confidence is above ``low`` and at most ``high``; 0 is in the first bin."""

    low: float
    high: float
    count: int
    confidence: float  # mean
    accuracy: float  # share of them that is correct


@dataclass(frozen=True)
class Calibration:
    """How well calibrated confidences are, in fractions of 1; the errors are 0 where nothing was predicted."""

    count: int  # of predictions
    error: float  # expected calibration error: mean distance of accuracy and confidence, bins weighted by their count
    brier: float  # mean squared distance of the confidence from 1 (correct) or 0 (incorrect)
    bins: tuple[Bin, ...]  # those that are not empty, from low to high


def calibrate(
    gold: Iterable[Sequence[Entity]], predicted: Iterable[Sequence[Entity]], *, bins: int = BINS
) -> Calibration:
    """Compare the confidences of all predictions with gold; ``ValueError`` where the numbers of sentences differ."""
    confidences, correct = list[float](), list[bool]()
    for mentions, predictions in zip(gold, predicted, strict=True):
        in_gold = set(mentions)
        confidences += [entity.score for entity in predictions]
        correct += [entity in in_gold for entity in predictions]
    return reliability(np.array(confidences, dtype=np.float64), np.array(correct, dtype=np.bool_), bins=bins)


def reliability(
    confidences: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_], *, bins: int = BINS
) -> Calibration:
    """Compute calibration from N confidences (0 to 1) and whether each prediction is correct."""
    if not len(confidences):
        return Calibration(0, 0.0, 0.0, ())
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], confidences)
    counts, sums, hits = (np.bincount(place, weights, minlength=bins) for weights in (None, confidences, correct))
    rows = np.stack([edges[:-1], edges[1:], counts, sums / np.maximum(1, counts), hits / np.maximum(1, counts)], axis=1)
    filled = tuple(Bin(low, high, int(count), *means) for low, high, count, *means in rows[counts > 0].tolist())
    error = float(np.abs(hits - sums).sum() / len(confidences))
    return Calibration(len(confidences), error, float(np.mean((confidences - correct) ** 2)), filled)
