"""Hits and misses of each sentence by class: all that intervals and significance tests need, and no text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Counts:
    """True positives, false positives and false negatives: one row for each sentence and class that has any.

    Attributes:
        labels: the classes that occur in gold or predictions, sorted.
        sentences: N, those without a row included.
        sentence: which sentence, counted from 0. R, as are the following.
        label: which class, as an index into ``labels``.
        tp, fp, fn: the counts.
    """

    labels: tuple[str, ...]
    sentences: int
    sentence: Ints
    label: Ints
    tp: Ints
    fp: Ints
    fn: Ints

    def dense(self, labels: tuple[str, ...] | None = None) -> npt.NDArray[np.float64]:
        """tp, fp, fn, N x L x 3: classes in the order of ``labels`` (its own if none are given)."""
        order = {label: index for index, label in enumerate(self.labels if labels is None else labels)}
        target = np.array([order[label] for label in self.labels], dtype=np.int64)
        grid = np.zeros((self.sentences, len(order), 3))
        if self.labels:
            grid[self.sentence, target[self.label]] = np.stack([self.tp, self.fp, self.fn], axis=1)
        return grid

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, a list a column."""
        columns = {name: getattr(self, name).tolist() for name in ("sentence", "label", "tp", "fp", "fn")}
        return {"labels": list(self.labels), "sentences": self.sentences, **columns}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Counts:
        """The inverse of ``as_dict``; ``KeyError``, ``TypeError`` or ``ValueError`` where something is amiss."""
        columns = [np.asarray(values[name], dtype=np.int64) for name in ("sentence", "label", "tp", "fp", "fn")]
        labels, sentences = tuple(values["labels"]), int(values["sentences"])
        sentence, label = columns[:2]
        if len({column.shape for column in columns}) != 1 or sentence.ndim != 1:
            raise ValueError("the columns of the sentence counts differ in length")
        if min(int(column.min(initial=0)) for column in columns) < 0:
            raise ValueError("negative sentence counts")
        if sentence.max(initial=-1) >= sentences or label.max(initial=-1) >= len(labels):
            raise ValueError("sentence counts name a sentence or class that is not there")
        return cls(labels, sentences, *columns)

    @classmethod
    def of(cls, labels: tuple[str, ...], sentences: int, *, gold: Ints, predicted: Ints, hits: Ints) -> Counts:
        """Count mentions, each given as ``sentence * len(labels) + label``."""
        keys, place = np.unique(np.concatenate([gold, predicted]), return_inverse=True)
        in_gold = np.bincount(place[: len(gold)], minlength=len(keys))
        in_predicted = np.bincount(place[len(gold) :], minlength=len(keys))
        tp = np.bincount(np.searchsorted(keys, hits), minlength=len(keys))
        sentence, label = np.divmod(keys, max(1, len(labels)))
        return cls(labels, sentences, sentence, label, tp, in_predicted - tp, in_gold - tp)
