"""Fit a calibrator of confidences, or none, chosen by the Brier score on held-out predictions.

Isotonic regression by pooling adjacent violators: Ayer, Brunk, Ewing, Reid and Silverman 1955. One-standard-error rule:
Breiman, Friedman, Olshen and Stone 1984.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from coner.evaluation.calibrators import MAX_TEMPERATURE, MIN_TEMPERATURE, Isotonic, Temperature, logit
from coner.evaluation.counts import Ints

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Method = Literal["none", "temperature", "isotonic"]
Fitted = Temperature | Isotonic | None
METHODS: tuple[Method, ...] = ("none", "temperature", "isotonic")  # from the simplest
STEPS = 60  # of the bisection: the interval of the logarithm of the temperature shrinks below 1e-17


def fit_temperature(scores: Floats, correct: Bools) -> Temperature:
    """The temperature with the least log loss on M predictions, within its bounds."""
    logits = np.array([logit(score) for score in scores.tolist()])
    low, high = np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)
    for _ in range(STEPS):  # the loss is convex in the inverse of the temperature
        middle = (low + high) / 2
        inverse = np.exp(-middle)
        too_cold = ((1 / (1 + np.exp(-logits * inverse)) - correct) * logits).sum() > 0
        low, high = (middle, high) if too_cold else (low, middle)
    return Temperature(temperature=float(np.clip(np.exp((low + high) / 2), MIN_TEMPERATURE, MAX_TEMPERATURE)))


def fit_isotonic(scores: Floats, correct: Bools) -> Isotonic:
    """The non-decreasing map with the least squared error on M predictions, at least one."""
    distinct, place = np.unique(scores, return_inverse=True)
    blocks: list[tuple[int, float, float]] = []  # the last score of each, its predictions, those that are correct
    for last, (count, hits) in enumerate(zip(np.bincount(place), np.bincount(place, correct), strict=True)):
        block = last, float(count), float(hits)
        while blocks and blocks[-1][2] * block[1] >= block[2] * blocks[-1][1]:  # its mean is not below that of this one
            _, more, others = blocks.pop()
            block = last, block[1] + more, block[2] + others
        blocks.append(block)
    points: dict[float, float] = {}
    first = 0
    for last, weight, hits in blocks:
        points |= {float(distinct[first]): hits / weight, float(distinct[last]): hits / weight}
        first = last + 1
    return Isotonic(scores=tuple(points), probabilities=tuple(points.values()))


def fit(method: Method, scores: Floats, correct: Bools) -> Fitted:
    """Fit a calibrator on M predictions, at least one; ``None`` for the method ``none``."""
    fits: Mapping[str, Callable[[Floats, Bools], Fitted]] = {"temperature": fit_temperature, "isotonic": fit_isotonic}
    return fits[method](scores, correct) if method in fits else None


def calibrated(calibrator: Fitted, scores: Floats) -> Floats:
    """The calibrated confidences of M predictions."""
    return scores if calibrator is None else np.array([calibrator(score) for score in scores.tolist()])


def held_out(method: Method, scores: Floats, correct: Bools, folds: Ints) -> Floats:
    """The confidences of M predictions, each calibrated by what was fitted on the other folds."""
    result = scores.copy()
    for fold in np.unique(folds).tolist() if method != "none" else ():
        own = folds == fold
        if not own.all():
            result[own] = calibrated(fit(method, scores[~own], correct[~own]), scores[own])
    return result


def choose_method(confidences: Mapping[Method, Floats], correct: Bools) -> Method:
    """The simplest method whose Brier score is at most one standard error above the lowest one.

    Args:
        confidences: of the M predictions by each method, held out; the simplest method first.
        correct: whether each prediction is.
    """
    losses = {method: (values - correct) ** 2 for method, values in confidences.items()}
    best = min(losses, key=lambda method: float(losses[method].mean()))
    for method, loss in losses.items():
        excess = loss - losses[best]
        if excess.mean() <= excess.std() / np.sqrt(max(1, len(excess))):
            return method
    return best


def compare_methods(
    scores: Floats, correct: Bools, folds: Ints, methods: Sequence[Method] = METHODS
) -> dict[Method, Floats]:
    """The held-out confidences by each method."""
    return {method: held_out(method, scores, correct, folds) for method in methods}
