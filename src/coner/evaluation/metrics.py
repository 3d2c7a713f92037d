"""The table of metrics: what records, comparisons, model cards, the page and ``coner evaluate`` show of an evaluation.

To add a metric, add one entry to ``METRICS``, with ``same_title(title)`` as its titles. A value that is not yet in
``SplitScores`` is computed in ``score``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from coner.evaluation.results import SplitScores

Floats = npt.NDArray[np.float64]
CountMetric = Callable[[Floats], Floats]  # ... x L x 3 (tp, fp, fn of each class) to ...
View = Literal["compare", "card", "evaluate", "hub", "ablation"]


def f1(counts: Floats) -> Floats:
    """F1 from tp, fp, fn, ... x 3 to ...; 0 where all three are 0."""
    tp, fp, fn = np.moveaxis(counts, -1, 0)
    values: Floats = 2 * tp / np.maximum(1, 2 * tp + fp + fn)  # counts are integers: only 0 becomes 1
    return values


def micro_f1(counts: Floats) -> Floats:
    """F1 over all mentions, ... x L x 3 to ...; 0 where there are none."""
    return f1(counts.sum(axis=-2))


def macro_f1(counts: Floats) -> Floats:
    """Mean F1 of the classes that occur in gold, ... x L x 3 to ...; 0 where none does."""
    in_gold = counts[..., 0] + counts[..., 2] > 0
    mean: Floats = np.where(in_gold, f1(counts), 0).sum(axis=-1) / np.maximum(1, in_gold.sum(axis=-1))
    return mean


def precision(counts: Floats) -> Floats:
    """Precision over all mentions, ... x L x 3 to ...; 0 where nothing is predicted."""
    tp, fp, _ = np.moveaxis(counts.sum(axis=-2), -1, 0)
    share: Floats = tp / np.maximum(1, tp + fp)
    return share


def recall(counts: Floats) -> Floats:
    """Recall over all mentions, ... x L x 3 to ...; 0 where there are none in gold."""
    tp, _, fn = np.moveaxis(counts.sum(axis=-2), -1, 0)
    share: Floats = tp / np.maximum(1, tp + fn)
    return share


def same_title(title: str) -> dict[View, str]:
    """The same title in all outputs."""
    return dict.fromkeys(get_args(View), title)


@dataclass(frozen=True)
class Metric:
    """One metric.

    With ``from_counts``, the noise table shows its paired difference; with counts of fine labels, records also hold its
    bootstrap interval, and comparisons show its paired difference.
    """

    name: str  # its key in JSON
    read: Callable[[SplitScores], float | None]  # a fraction of 1; ``None`` where it was not measured
    titles: Mapping[View, str]  # the outputs that show it, each with the title there
    # The same value from counts of fine or coarse labels, or of spans without labels.
    from_counts: tuple[Literal["fine", "coarse", "span"], CountMetric] | None = None
    detail: str = ""  # text after the value in ``coner evaluate``; ``{0}`` is the scores
    hub_type: str = "f1"  # in the metadata of a model card
    higher_is_better: bool = True


METRICS = (
    Metric(
        "micro_f1",
        lambda scores: scores.fine.micro_f1,
        {**same_title("micro F1"), "hub": "Micro F1"},
        from_counts=("fine", micro_f1),
        detail="precision {0.fine.precision:.4f}, recall {0.fine.recall:.4f}",
    ),
    Metric(
        "macro_f1",
        lambda scores: scores.fine.macro_f1,
        {**same_title("macro F1"), "hub": "Macro F1"},
        from_counts=("fine", macro_f1),
        detail="over {0.fine.macro_classes} classes that occur in gold",
    ),
    Metric(
        "coarse_macro_f1",
        lambda scores: scores.coarse.macro_f1,
        {"compare": "coarse macro", "card": "coarse macro F1", "evaluate": "coarse", "hub": "Macro F1, coarse groups"},
        from_counts=("coarse", macro_f1),
        detail="macro F1 over {0.coarse.macro_classes} groups (micro {0.coarse.micro_f1:.4f})",
    ),
    Metric(
        "span_f1",
        lambda scores: scores.span.f1,
        {**same_title("span F1"), "hub": "Span F1, labels ignored"},
        from_counts=("span", micro_f1),
        detail="labels ignored",
    ),
    Metric(
        "seen_recall",
        lambda scores: scores.seen.recall if scores.seen else None,
        {"card": "seen recall", "evaluate": "seen"},
        detail="recall on the {0.seen.support} mentions seen in training",
    ),
    Metric(
        "unseen_recall",
        lambda scores: scores.unseen.recall if scores.unseen else None,
        {"compare": "unseen recall", "card": "unseen recall", "evaluate": "unseen"},
        detail="recall on the {0.unseen.support} mentions not seen in training",
    ),
    Metric("precision", lambda scores: scores.fine.precision, {"hub": "Micro precision"}, hub_type="precision"),
    Metric("recall", lambda scores: scores.fine.recall, {"hub": "Micro recall"}, hub_type="recall"),
)

BOOTSTRAPPED: Mapping[str, CountMetric] = {
    metric.name: metric.from_counts[1] for metric in METRICS if metric.from_counts and metric.from_counts[0] == "fine"
}


def shown_in(place: View) -> dict[str, Metric]:
    """The metrics that an output shows, by their titles in it."""
    return {metric.titles[place]: metric for metric in METRICS if place in metric.titles}
