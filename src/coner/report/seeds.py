"""Runs of one name by several seeds, as one line each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from coner.evaluation.significance import Difference
from coner.report.ablation import AblationTable, Spread
from coner.report.compare import Comparison, Row


@dataclass(frozen=True)
class Seeds:
    """The runs of one name. Scores are fractions of 1.

    Attributes:
        runs: how many there are.
        micro_f1, macro_f1: over them.
        against: the name that this one is compared with, if there is one.
        gain: mean macro F1 less that of ``against``.
        difference: the same over the seeds that both have, with its interval; only known of an ablation.
    """

    name: str
    runs: int
    micro_f1: Spread
    macro_f1: Spread
    against: str | None
    gain: float | None
    difference: Difference | None


def by_row(table: AblationTable) -> list[Seeds]:
    """The rows of an ablation that have a finished run."""
    found = []
    for row in table.rows:
        if row.micro_f1 and row.macro_f1:
            judged = row.differences["macro_f1"] if row.differences else None
            gain = judged.value if judged else None
            against = row.against if judged else None
            found.append(Seeds(row.name, len(row.seeds), row.micro_f1, row.macro_f1, against, gain, judged))
    return found


def by_name(comparison: Comparison) -> list[Seeds]:
    """One line a name, in the order of the runs; empty where no name has more than one run.

    Each stands against the baseline's name, without a test; against none where numbers must not be compared.
    """
    named: defaultdict[str, list[Row]] = defaultdict(list)
    for row in comparison.rows:
        named[row.name].append(row)
    if len(named) == len(comparison.rows):
        return []
    base = next(row.name for row in comparison.rows if row.run == comparison.baseline)
    macro = {name: Spread.of([row.macro_f1 for row in rows]) for name, rows in named.items()}
    found = []
    for name, rows in named.items():
        against = None if name == base or comparison.warnings else base
        gain = macro[name].mean - macro[against].mean if against else None
        micro = Spread.of([row.micro_f1 for row in rows])
        found.append(Seeds(name, len(rows), micro, macro[name], against, gain, None))
    return found
