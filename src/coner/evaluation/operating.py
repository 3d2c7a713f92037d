"""Thresholds of all classes together or of each, and an estimate on sentences that they were not chosen on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from coner.evaluation.counts import Ints
from coner.evaluation.recalibration import Bools, Fitted, Floats, calibrated
from coner.evaluation.thresholds import MIN_COUNT, Candidates, Curve, Goal, Thresholds, Unreachable


def choose_thresholds(
    candidates: Candidates, goal: Goal | None, *, per_class: bool, minimum: int = MIN_COUNT
) -> Thresholds:
    """The thresholds with the best value of the goal; without a goal they keep everything.

    By class, each class gets the best one for itself, and the micro F1 of all classes is the best possible; a class
    with fewer than ``minimum`` gold mentions or predictions keeps the threshold of all.

    ``Unreachable`` if the predictions of all classes, or those of a class that gets its own threshold, cannot reach the
    goal; it names them with the best that they reach.
    """
    if goal is None or (goal.target is None and not len(candidates.scores)):
        return Thresholds()
    curve = Curve.of(candidates)
    try:
        best = curve.choose(goal, minimum)
    except Unreachable as error:
        raise Unreachable(f"{goal} cannot be reached: {error}") from None
    everything = float(curve.thresholds[best]) if len(curve.thresholds) else 0.0
    if not per_class:
        return Thresholds(everything)
    counts = np.minimum(curve.support, curve.kept[0] if len(curve.kept) else 0)
    common = {label: curve.of_class(i) for i, label in enumerate(candidates.labels) if counts[i] >= minimum}
    rare = tuple(label for label in candidates.labels if label not in common)
    if goal.quantity == "micro_f1":
        own = _for_micro_f1(curve, best, common)
    else:
        own = _for_each(common, Goal("micro_f1") if goal.quantity == "macro_f1" else goal, minimum)
    return Thresholds(everything, own, rare)


def _for_each(common: dict[str, Curve], goal: Goal, minimum: int) -> dict[str, float]:
    own, failures = dict[str, float](), list[str]()
    for label, curve in common.items():
        try:
            own[label] = float(curve.thresholds[curve.choose(goal, minimum)])
        except Unreachable as error:
            failures.append(f"{label} {error}")
    if failures:
        some = f"{len(failures)} of {len(common)} classes"
        raise Unreachable(f"{goal} cannot be reached by {some}: {'; '.join(failures)}")
    return own


def _for_micro_f1(curve: Curve, best: int, common: dict[str, Curve]) -> dict[str, float]:
    """The thresholds of classes with the best F1 over all predictions.

    F1 is 2 tp / (kept + support). For its highest value f, the maximum of 2 tp - f (kept + support) is 0, and that is a
    sum over classes; so f grows until no class has a better threshold (Dinkelbach 1967).
    """
    total = float(curve.support.sum())
    fixed = [sum(float(c.tp[best, 0]) for c in common.values()), sum(float(c.kept[best, 0]) for c in common.values())]
    other_tp, other_kept = float(curve.tp[best].sum()) - fixed[0], float(curve.kept[best].sum()) - fixed[1]
    f1, chosen = float(curve.value("micro_f1")[best]), dict.fromkeys(common, best)
    while True:
        better = {label: int((2 * c.tp[:, 0] - f1 * c.kept[:, 0]).argmax()) for label, c in common.items()}
        tp = other_tp + sum(float(c.tp[better[label], 0]) for label, c in common.items())
        kept = other_kept + sum(float(c.kept[better[label], 0]) for label, c in common.items())
        if (higher := 2 * tp / max(1.0, kept + total)) <= f1:
            return {label: float(curve.thresholds[index]) for label, index in chosen.items()}
        f1, chosen = higher, better


def assign_folds(texts: Sequence[Hashable], folds: int, seed: int) -> Ints:
    """The fold of each of N sentences, from 0: at random, with equal texts in the same fold."""
    groups: dict[Hashable, int] = {}
    group = np.array([groups.setdefault(text, len(groups)) for text in texts], dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(groups))
    return (order % folds)[group]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The M predictions, calibrated and selected by what was chosen on the other folds."""

    scores: Floats
    kept: Bools
    folds: int
    unreachable: int  # folds for which the other folds cannot reach the goal; none of their predictions is left out


def hold_out(
    candidates: Candidates,
    folds: Ints,
    calibrate: Callable[[Candidates, Ints], Fitted],
    choose: Callable[[Candidates], Thresholds],
) -> HeldOut:
    """Repeat calibration and choice of thresholds without each fold, and apply them to it.

    Args:
        candidates: with the tagger's own confidences.
        folds: of the N sentences.
        calibrate: fits a calibrator to candidates, given the folds of their M predictions.
        choose: chooses thresholds for candidates with calibrated confidences.
    """
    scores, kept = candidates.scores.copy(), np.ones(len(candidates.scores), dtype=np.bool_)
    of_prediction, names, unreachable = folds[candidates.predicted[0]], np.unique(folds).tolist(), 0
    for fold in names:
        own, rest = of_prediction == fold, candidates.only(folds != fold, candidates.scores)
        if not len(rest.scores):
            continue
        calibrator = calibrate(rest, of_prediction[~own])
        scores[own] = calibrated(calibrator, candidates.scores[own])
        try:
            thresholds = choose(replace(rest, scores=calibrated(calibrator, rest.scores)))
        except Unreachable:
            unreachable += 1
            continue
        kept[own] = thresholds.keeps(candidates.only(folds == fold, scores))
    return HeldOut(scores, kept, len(names), unreachable)
