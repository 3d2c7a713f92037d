"""Runs of one name by several seeds, as one line each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import mean, stdev

from coner.evaluation.metrics import BOOTSTRAPPED
from coner.evaluation.significance import Difference
from coner.report.compare import Comparison, Row
from coner.report.grid import DASH


@dataclass(frozen=True)
class Spread:
    """The mean of several runs, and their standard deviation where there is more than one."""

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """From the values that are known; ``None`` where none is."""
        known = [value for value in values if value is not None]
        return cls(mean(known), stdev(known) if len(known) > 1 else None) if known else None


def spread_text(spread: Spread | None) -> str:
    """Mean and deviation as text."""
    if spread is None:
        return DASH
    return f"{spread.mean:.3f}" + ("" if spread.deviation is None else f" ± {spread.deviation:.3f}")


@dataclass(frozen=True)
class Seeds:
    """The runs of one name. Scores are fractions of 1.

    Attributes:
        runs: how many there are.
        scores: over them, by metric.
        against: the name that this one is compared with, if there is one.
        gain: mean macro F1 less that of ``against``.
        difference: the same over the seeds that both have, with its interval; known only of an ablation.
    """

    name: str
    runs: int
    scores: Mapping[str, Spread | None]
    against: str | None
    gain: float | None
    difference: Difference | None = None


def by_name(comparison: Comparison) -> list[Seeds]:
    """One line a name, in the order of the runs; empty where no name has more than one run.

    Each is compared with the baseline's name, without a test; with none where numbers must not be compared.
    """
    named: defaultdict[str, list[Row]] = defaultdict(list)
    for row in comparison.rows:
        named[row.name].append(row)
    if len(named) == len(comparison.rows):
        return []
    base = next(row.name for row in comparison.rows if row.run == comparison.baseline)
    macro = {name: mean(row.macro_f1 for row in rows) for name, rows in named.items()}
    lines = []
    for name, rows in named.items():
        against = None if name == base or comparison.warnings else base
        scores = {metric: Spread.of(row.values[metric] for row in rows) for metric in BOOTSTRAPPED}
        lines.append(Seeds(name, len(rows), scores, against, macro[name] - macro[against] if against else None))
    return lines
