"""Results of an evaluation, and their JSON form. All rates are fractions of 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import NonNegativeInt

from coner.core.counted import counted
from coner.core.html import table
from coner.evaluation.counts import Counts

SCORER = "coner 1"  # changes whenever equal input may give other numbers


@dataclass(frozen=True)
class Result:
    """Precision, recall and F1 of one class, or of all mentions."""

    precision: float
    recall: float
    f1: float
    support: NonNegativeInt  # mentions in gold
    predicted: NonNegativeInt
    tp: NonNegativeInt

    @classmethod
    def of(cls, *, tp: int, support: int, predicted: int) -> Result:
        """Compute the rates from counts; a rate is 0 where there is nothing to divide by."""
        precision, recall = tp / predicted if predicted else 0.0, tp / support if support else 0.0
        f1 = 2 * tp / (support + predicted) if support + predicted else 0.0
        return cls(precision, recall, f1, support, predicted, tp)


@dataclass(frozen=True)
class Recall:
    """Recall on some of the gold mentions: how many there are (support), and how many were predicted (tp)."""

    recall: float
    support: NonNegativeInt
    tp: NonNegativeInt


@dataclass(frozen=True)
class LevelScores:
    """Scores with one set of labels, fine or coarse, as a record keeps them."""

    micro_f1: float
    macro_f1: float  # mean F1 of the classes that occur in gold
    macro_classes: int  # number of these classes
    precision: float  # over all mentions, as is recall
    recall: float
    classes: Mapping[str, Result] = field(repr=False)  # that occur in gold or predictions, sorted by label


@dataclass(frozen=True)
class Level(LevelScores):
    """``LevelScores`` with the counts that statistics need.

    ``confusion``: gold label to predicted label to number of spans that have both; a span is exact. A mention in no
    pair was missed (support minus the row sum) or is spurious (predicted minus the column sum).
    """

    counts: Counts = field(repr=False, compare=False)
    confusion: Mapping[str, Mapping[str, int]] = field(repr=False)


@dataclass(frozen=True)
class OwnScores:
    """The scores of the sentences with the same annotated labels, for a record."""

    labels: tuple[str, ...]  # the annotated ones, sorted
    sentences: NonNegativeInt
    ignored: NonNegativeInt  # predictions of other labels
    micro_f1: float
    macro_f1: float

    def __str__(self) -> str:
        """A line for the log."""
        names = f"{', '.join(self.labels[:3])}{' ...' if len(self.labels) > 3 else ''}"
        scores = f"micro F1 {self.micro_f1:.4f}, macro F1 {self.macro_f1:.4f}"
        sentences, ignored = counted(self.sentences, "sentence"), counted(self.ignored, "prediction")
        return f"{sentences} with labels {names}: {scores}; {ignored} of others ignored"


@dataclass(frozen=True, kw_only=True)
class SplitScores:
    """All scores of a set of sentences, as a record keeps them."""

    fine: LevelScores
    coarse: LevelScores  # by group; the same as fine where there are no groups
    span: Result  # labels ignored
    seen: Recall | None = None  # on mentions seen in training; ``None`` where no training data was named
    unseen: Recall | None = None
    # Groups of ``by_coverage``: right, other, none; ``None`` without a knowledge base.
    knowledge: Mapping[str, Result] | None = None
    own: tuple[OwnScores, ...] | None = None  # of sources with different labels, each on its own ones
    sentences: NonNegativeInt
    words: NonNegativeInt | None = None  # ``None`` where they were not passed
    skipped: NonNegativeInt = 0  # sentences that could not be read, as the caller counted them
    repaired: NonNegativeInt = 0  # tags of the predictions, or as the caller counted them

    @property
    def deciding_f1(self) -> float:
        """The macro F1 for model selection: the mean over sources with different labels, else that of fine labels."""
        return sum(own.macro_f1 for own in self.own) / len(self.own) if self.own else self.fine.macro_f1

    def _repr_html_(self) -> str:
        """Two tables, of the scores and of the classes, for notebooks."""
        from coner.evaluation.metrics import shown_in

        known = {title: (metric, metric.read(self)) for title, metric in shown_in("evaluate").items()}
        scores = [
            (", ".join(filter(None, (title, metric.detail.format(self)))), f"{value:.3f}")
            for title, (metric, value) in known.items()
            if value is not None
        ]
        classes = [
            (label, *(f"{rate:.3f}" for rate in (of.precision, of.recall, of.f1)), str(of.support), str(of.predicted))
            for label, of in self.fine.classes.items()
        ]
        heading = ("class", "precision", "recall", "F1", "gold", "predicted")
        return table("", (f"sentences: {self.sentences}", "score"), scores) + table("", heading, classes)


@dataclass(frozen=True, kw_only=True)
class Scores(SplitScores):
    """``SplitScores`` with counts by sentence and confusion at both levels."""

    fine: Level
    coarse: Level

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without counts and confusion; what is ``None`` is left out."""
        values = {"scorer": SCORER, **asdict(self)}
        for level in ("fine", "coarse"):
            del values[level]["counts"], values[level]["confusion"]
        return {name: value for name, value in values.items() if value is not None}
