"""Counts of each sentence by class, which intervals and significance tests need; no text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Counts:
    """True positives, false positives and false negatives; ``ValueError`` where they are impossible."""

    labels: tuple[str, ...]  # that occur in gold or predictions, sorted
    sentences: int  # N, those without a row included
    columns: Ints  # 5 x R: sentence, class (indices from 0), tp, fp, fn; one entry per pair with any count, sorted

    def __post_init__(self) -> None:
        sentence, label = self.columns[:2]
        if self.columns.min(initial=0) < 0:
            raise ValueError("negative sentence counts")
        if sentence.max(initial=-1) >= self.sentences or label.max(initial=-1) >= len(self.labels):
            raise ValueError("sentence counts name a sentence or class that does not exist")
        steps = np.diff(sentence)
        if ((steps < 0) | ((steps == 0) & (np.diff(label) <= 0))).any():
            raise ValueError("sentence counts are not in the order of sentence and class")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Counts):
            return NotImplemented
        same = (self.labels, self.sentences) == (other.labels, other.sentences)
        return same and np.array_equal(self.columns, other.columns)

    __hash__ = None  # type: ignore[assignment]

    def dense(self, labels: tuple[str, ...] | None = None) -> npt.NDArray[np.float64]:
        """Return tp, fp, fn, N x L x 3, with the classes in the order of ``labels`` (default: its own)."""
        order = {label: index for index, label in enumerate(self.labels if labels is None else labels)}
        target = np.array([order[label] for label in self.labels], dtype=np.int64)
        grid = np.zeros((self.sentences, len(order), 3))
        grid[self.columns[0], target[self.columns[1]]] = self.columns[2:].T
        return grid

    def totals(self) -> dict[str, tuple[int, int, int]]:
        """True positives, predicted mentions and gold mentions of each class."""
        tp, fp, fn = (np.bincount(self.columns[1], column, len(self.labels)) for column in self.columns[2:])
        rows = np.stack([tp, tp + fp, tp + fn], axis=1).astype(np.int64).tolist()
        return dict(zip(self.labels, map(tuple, rows), strict=True))

    @classmethod
    def of(cls, labels: tuple[str, ...], sentences: int, *, gold: Ints, predicted: Ints, hits: Ints) -> Counts:
        """Count mentions, each passed as ``sentence * len(labels) + label``."""
        keys, place = np.unique(np.concatenate([gold, predicted]), return_inverse=True)
        in_gold, in_predicted, tp = (
            np.bincount(places, minlength=len(keys))
            for places in (place[: len(gold)], place[len(gold) :], np.searchsorted(keys, hits))
        )
        sentence, label = np.divmod(keys, max(1, len(labels)))
        return cls(labels, sentences, np.stack([sentence, label, tp, in_predicted - tp, in_gold - tp]))
