"""The columns of a comparison: what each shows, how it reads, and which way is better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coner.evaluation.significance import Difference
from coner.report.grid import DASH

if TYPE_CHECKING:
    from coner.report.compare import Row


@dataclass(frozen=True)
class Column:
    """A column of the table: which field, how it reads, and whether much or little of it is good."""

    title: str
    field: str
    show: Callable[[Row], str]
    good: Callable[[Sequence[float]], float]


def _score(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def _with_interval(score: float, bounds: tuple[float, float] | None) -> str:
    return _score(score) + (f" [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else "")


def show_difference(found: Difference) -> tuple[str, str]:
    """A difference with its interval, and its p, corrected where it is."""
    p = found.p if found.corrected_p is None else found.corrected_p
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]", f"{p:.3f}"


def words(metric: str) -> str:
    """The name of a metric for people."""
    return metric.replace("_f1", " F1")


def duration(seconds: float | None) -> str:
    """Seconds for people."""
    if seconds is None:
        return DASH
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def _rate(value: float | None) -> str:
    return DASH if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _size(count: int | None) -> str:
    return DASH if count is None else f"{count / 1e6:,.0f} MB" if count >= 1e7 else f"{count / 1e6:.1f} MB"


COLUMNS = (
    Column("micro F1 (95 %)", "micro_f1", lambda row: _with_interval(row.micro_f1, row.micro_interval), max),
    Column("macro F1 (95 %)", "macro_f1", lambda row: _with_interval(row.macro_f1, row.macro_interval), max),
    Column("noisy macro", "noisy_macro_f1", lambda row: _score(row.noisy_macro_f1), max),
    Column("coarse macro", "coarse_macro_f1", lambda row: _score(row.coarse_macro_f1), max),
    Column("span F1", "span_f1", lambda row: _score(row.span_f1), max),
    Column("unseen recall", "unseen_recall", lambda row: _score(row.unseen_recall), max),
    Column("training", "train_seconds", lambda row: duration(row.train_seconds), min),
    Column("sentences/s", "sentences_per_second", lambda row: _rate(row.sentences_per_second), max),
    Column("size", "bytes", lambda row: _size(row.bytes), min),
)
