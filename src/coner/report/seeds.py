"""Runs of one name by several seeds, as one line each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from coner.report.compare import Comparison, Row


@dataclass(frozen=True)
class Seeds:
    """The runs of one name. Scores are fractions of 1.

    Attributes:
        runs: how many there are.
        micro_f1, macro_f1: means.
        macro_spread: standard deviation of macro F1 (of a sample); ``None`` of a single run.
        low, high: the least and the greatest macro F1.
        gain: mean macro F1 less that of the baseline's name; ``None`` for that one, and where numbers must not be
            compared.
    """

    name: str
    runs: int
    micro_f1: float
    macro_f1: float
    macro_spread: float | None
    low: float
    high: float
    gain: float | None


def by_name(comparison: Comparison) -> list[Seeds]:
    """One line a name, in the order of the runs; empty where no name has more than one run."""
    named: defaultdict[str, list[Row]] = defaultdict(list)
    for row in comparison.rows:
        named[row.name].append(row)
    if len(named) == len(comparison.rows):
        return []
    base = next(row.name for row in comparison.rows if row.run == comparison.baseline)
    return [
        _line(name, rows, named[base] if name != base and not comparison.warnings else ())
        for name, rows in named.items()
    ]


def _line(name: str, rows: Sequence[Row], reference: Sequence[Row]) -> Seeds:
    macro = [row.macro_f1 for row in rows]
    return Seeds(
        name=name,
        runs=len(rows),
        micro_f1=fmean(row.micro_f1 for row in rows),
        macro_f1=fmean(macro),
        macro_spread=stdev(macro) if len(macro) > 1 else None,
        low=min(macro),
        high=max(macro),
        gain=fmean(macro) - fmean(row.macro_f1 for row in reference) if reference else None,
    )
