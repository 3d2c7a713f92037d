"""What a comparison gives: plain frozen values, and the JSON that they become. All rates are fractions of 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coner.evaluation.counts import Counts

SCORER = "coner 1"  # changes whenever equal input may give other numbers


@dataclass(frozen=True)
class Result:
    """Precision, recall and F1 of one class, or of all mentions.

    Attributes:
        support: mentions in gold.
        predicted: mentions predicted.
        tp: those that are both.
    """

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int
    tp: int

    @classmethod
    def of(cls, *, tp: int, support: int, predicted: int) -> Result:
        """From counts."""
        return cls(
            precision=tp / predicted if predicted else 0.0,
            recall=tp / support if support else 0.0,
            f1=2 * tp / (support + predicted) if support + predicted else 0.0,
            support=support,
            predicted=predicted,
            tp=tp,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {name: getattr(self, name) for name in ("precision", "recall", "f1", "support", "predicted", "tp")}


@dataclass(frozen=True)
class Level:
    """Scores with one set of labels: fine or coarse.

    Attributes:
        precision, recall, micro_f1: over all mentions.
        macro_f1: mean F1 of the classes that occur in gold.
        macro_classes: how many these are.
        classes: each class that occurs in gold or predictions, sorted by label.
        counts: by sentence and class.
        confusion: gold label to predicted label to how many spans have both; a span is exact. What is in no pair was
            missed (support less the row's sum) or is spurious (predicted less the column's sum).
    """

    precision: float
    recall: float
    micro_f1: float
    macro_f1: float
    macro_classes: int
    classes: Mapping[str, Result]
    counts: Counts = field(repr=False, compare=False)
    confusion: Mapping[str, Mapping[str, int]] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the counts and the confusion."""
        names = ("micro_f1", "macro_f1", "macro_classes", "precision", "recall")
        classes = {label: result.as_dict() for label, result in self.classes.items()}
        return {**{name: getattr(self, name) for name in names}, "classes": classes}


@dataclass(frozen=True)
class Recall:
    """Recall on some of the gold mentions: how many there are, and how many were found."""

    recall: float
    support: int
    tp: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"recall": self.recall, "support": self.support, "tp": self.tp}


@dataclass(frozen=True)
class Scores:
    """All scores of a set of sentences.

    Attributes:
        fine, coarse: by label and by group (the same where there are no groups).
        span: labels aside.
        seen, unseen: recall on the mentions that training knows or not; ``None`` where no training was named.
        sentences, words: how many were scored; words is ``None`` where they were not given.
        skipped: sentences that could not be read, as the caller counted them.
        repaired: tags that had to be mended in the predictions, or as the caller counted them.
    """

    fine: Level
    coarse: Level
    span: Result
    seen: Recall | None
    unseen: Recall | None
    sentences: int
    words: int | None
    skipped: int = 0
    repaired: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``seen`` and ``unseen`` only where they are known."""
        parts = ("fine", "coarse", "span", "seen", "unseen")
        values = {name: getattr(self, name).as_dict() for name in parts if getattr(self, name) is not None}
        counts = {name: getattr(self, name) for name in ("sentences", "words", "skipped", "repaired")}
        return {"scorer": SCORER, **values, **counts}
