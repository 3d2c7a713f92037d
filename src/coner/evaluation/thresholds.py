"""Choose the confidence below which predictions are left out, for a goal such as ``precision>=0.9``.

All thresholds are compared: one that keeps everything, and one between each two different confidences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np

from coner.core.errors import ConerError, ConfigError
from coner.core.types import Entity
from coner.evaluation.counts import Counts, Ints
from coner.evaluation.metrics import macro_f1
from coner.evaluation.recalibration import Bools, Floats

MIN_COUNT = 20  # predictions, or gold mentions of a class, on which a threshold may rest
Quantity = Literal["precision", "recall", "micro_f1", "macro_f1"]
GOAL = re.compile(r"(precision|recall)\s*>=\s*([0-9]*\.?[0-9]+)|(micro_f1|macro_f1)")
EXPECTED = "expected precision>=X or recall>=X, with X above 0 and at most 1, or micro_f1 or macro_f1"


class Unreachable(ConerError):
    """No threshold reaches the goal."""


@dataclass(frozen=True)
class Goal:
    """What a threshold is chosen for: the best F1, or the best recall for a precision, or the reverse."""

    quantity: Quantity
    target: float | None = None  # ``None``: as high as possible

    @classmethod
    def parse(cls, text: str) -> Goal:
        """Read ``precision>=0.9``, ``recall>=0.8``, ``micro_f1`` or ``macro_f1``; ``ConfigError`` for all else."""
        found = GOAL.fullmatch(text.strip())
        if found is None or (found[2] and not 0 < float(found[2]) <= 1):
            raise ConfigError(f"--for: got {text!r}; {EXPECTED}")
        return cls(cast(Quantity, found[1] or found[3]), float(found[2]) if found[2] else None)

    def __str__(self) -> str:
        return self.quantity if self.target is None else f"{self.quantity}>={self.target:g}"


@dataclass(frozen=True, eq=False)
class Candidates:
    """M predictions with their confidences, and G gold mentions, of N sentences; labels are indices from 0."""

    labels: tuple[str, ...]  # that occur in gold or predictions, sorted
    sentences: int  # N
    gold: Ints  # sentence and label, 2 x G
    predicted: Ints  # sentence and label, 2 x M
    scores: Floats  # M confidences
    correct: Bools  # M

    @classmethod
    def of(cls, gold: Sequence[Sequence[Entity]], predicted: Sequence[Sequence[Entity]]) -> Candidates:
        """Compare the predictions for each sentence with gold."""
        labels = tuple(sorted({e.label for rows in (gold, predicted) for row in rows for e in row}))
        number = {label: index for index, label in enumerate(labels)}
        mentions, predictions = (
            np.array([(i, number[e.label]) for i, row in enumerate(rows) for e in row], dtype=np.int64).reshape(-1, 2).T
            for rows in (gold, predicted)
        )
        scores = np.array([e.score for row in predicted for e in row], dtype=np.float64)
        truths = map(set, gold)
        hits = [e in truth for truth, row in zip(truths, predicted, strict=True) for e in row]
        return cls(labels, len(gold), mentions, predictions, scores, np.array(hits, dtype=np.bool_))

    def only(self, sentences: Bools, scores: Floats) -> Candidates:
        """What is in some of the N sentences, with other confidences of the M predictions."""
        gold, predicted = sentences[self.gold[0]], sentences[self.predicted[0]]
        rows = self.gold[:, gold], self.predicted[:, predicted]
        return Candidates(self.labels, self.sentences, *rows, scores[predicted], self.correct[predicted])

    def counts(self, kept: Bools) -> Counts:
        """Counts by sentence and class of those of the M predictions that are kept."""
        size = len(self.labels)
        gold, predicted = (rows[0] * size + rows[1] for rows in (self.gold, self.predicted))
        hits = predicted[kept & self.correct]
        return Counts.of(self.labels, self.sentences, gold=gold, predicted=predicted[kept], hits=hits)


@dataclass(frozen=True, eq=False)
class Curve:
    """What each of T thresholds keeps, from 0 up."""

    thresholds: Floats  # T
    tp: Floats  # T x L
    kept: Floats  # T x L
    support: Floats  # gold mentions, L

    @classmethod
    def of(cls, candidates: Candidates) -> Curve:
        """The curve of the candidates."""
        size = len(candidates.labels)
        distinct, place = np.unique(candidates.scores, return_inverse=True)
        tp, kept = np.zeros((len(distinct), size)), np.zeros((len(distinct), size))
        label = candidates.predicted[1]
        np.add.at(kept, (place, label), 1)
        np.add.at(tp, (place[candidates.correct], label[candidates.correct]), 1)
        middles = (distinct[:-1] + distinct[1:]) / 2
        borders = np.where(middles > distinct[:-1], middles, distinct[1:])  # of neighbouring floats
        tp, kept = (values[::-1].cumsum(axis=0)[::-1] for values in (tp, kept))
        thresholds = np.concatenate([np.zeros(min(1, len(distinct))), borders])
        return cls(thresholds, tp, kept, np.bincount(candidates.gold[1], minlength=size).astype(np.float64))

    def of_class(self, index: int) -> Curve:
        """The curve of one class."""
        own = slice(index, index + 1)
        return Curve(self.thresholds, self.tp[:, own], self.kept[:, own], self.support[own])

    def value(self, quantity: Quantity) -> Floats:
        """Precision, recall or F1 of each threshold, T; 0 where there is nothing to divide by."""
        tp, kept, support = self.tp.sum(axis=1), self.kept.sum(axis=1), self.support.sum()
        if quantity == "macro_f1":
            return macro_f1(np.stack([self.tp, self.kept - self.tp, self.support - self.tp], axis=-1))
        below = {"precision": kept, "recall": support, "micro_f1": (kept + support) / 2}[quantity]
        ratio: Floats = tp / np.maximum(below, 0.5)
        return ratio

    def choose(self, goal: Goal, minimum: int = MIN_COUNT) -> int:
        """Index of the threshold for the goal, the lowest if tied.

        A threshold for a precision has to keep ``minimum`` predictions: fewer are too little evidence. ``Unreachable``
        names the best value that a threshold reaches.
        """
        values = self.value(goal.quantity)
        if goal.target is None:
            return int(values.argmax()) if len(values) else 0
        enough = self.kept.sum(axis=1) >= (minimum if goal.quantity == "precision" else 0)
        if not (values[enough] >= goal.target).any():
            best = int(np.where(enough, values, -1).argmax()) if enough.any() else None
            raise Unreachable(self._best(goal, best, minimum))
        other = self.value("recall" if goal.quantity == "precision" else "precision")
        allowed = enough & (values >= goal.target)
        order = np.lexsort((self.thresholds, -values, -np.where(allowed, other, -1)))
        return int(order[0])

    def _best(self, goal: Goal, best: int | None, minimum: int) -> str:
        if best is None:
            return f"got {int(self.kept[:1].sum())} predictions; expected at least {minimum}"
        at, kept = self.thresholds[best], int(self.kept[best].sum())
        return f"at most {self.value(goal.quantity)[best]:.4f}, at threshold {at:.4g}, which keeps {kept} predictions"


@dataclass(frozen=True)
class Thresholds:
    """A threshold, and those of some classes instead; predictions with a lower confidence are left out."""

    all: float = 0.0
    by_label: dict[str, float] = field(default_factory=dict)
    # classes with too few gold mentions or predictions for a threshold of their own
    rare: tuple[str, ...] = ()

    def keeps(self, candidates: Candidates) -> Bools:
        """Which of the M predictions are kept."""
        limits = np.array([self.by_label.get(label, self.all) for label in candidates.labels])
        kept: Bools = candidates.scores >= limits[candidates.predicted[1]]
        return kept
