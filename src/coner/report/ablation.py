"""Runs by several seeds in one line: the rows of an ablation, each compared with another, or the runs of one name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from coner.core.errors import DataError
from coner.evaluation.metrics import BOOTSTRAPPED, shown_in
from coner.evaluation.significance import Difference, difference, same_gold, swaps_for
from coner.records.ablation import FAILED, read_plan, run_name
from coner.records.record import RECORD, Record, read_record
from coner.report.columns import duration, show_difference
from coner.report.compare import Comparison, Differences, Row, choose_split, corrected, plain_differences
from coner.report.grid import DASH, Cell, Grid


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


@dataclass(frozen=True)
class SeedsRow:
    """Runs of one name, or one row of an ablation.

    Attributes:
        name, about, against: as the plan has them; ``against`` is ``None`` for a row that is compared with none.
        seeds: of the finished runs.
        scores, train_seconds: over them; scores by metric.
        differences: less the row that it is compared with, over the seeds that both have; p corrected for all rows.
        gain: the difference of the means in macro F1, tested or not.
        failed: seed to the reason.
    """

    name: str
    about: str
    against: str | None
    seeds: tuple[int, ...]
    scores: Mapping[str, Spread | None]
    train_seconds: Spread | None
    differences: Differences | None = None
    gain: float | None = None
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def difference(self) -> Difference | None:
        """The tested difference that tables show."""
        return self.differences["macro_f1"] if self.differences else None

    @property
    def runs(self) -> tuple[str, ...]:
        """The folders of the finished runs."""
        return tuple(run_name(self.name, seed) for seed in self.seeds)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values = asdict(self)
        del values["gain"]
        return {**values.pop("scores"), **values, "differences": plain_differences(self.differences)}


@dataclass(frozen=True)
class AblationTable:
    """All rows, by their scores on one split of the data.

    Attributes:
        left_out: folders with a run that is not in the plan: another name, or another seed, than the folder has.
    """

    split: str
    rows: tuple[SeedsRow, ...]
    left_out: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; ``part`` is the former name of ``split``."""
        rows = [row.as_dict() for row in self.rows]
        return {"split": self.split, "part": self.split, "rows": rows, "left_out": self.left_out}

    def grid(self) -> Grid:
        """The table: means with deviations, and the difference in macro F1, bold where it is significant."""
        titles = [*shown_in("ablation"), "training", "against", "macro F1 (95 %)", "p"]
        return Grid(["row", "seeds", *titles], [_cells(row) for row in self.rows])

    def failures(self) -> list[str]:
        """A line for each run that failed: which, and why."""
        return [f"{row.name}, seed {seed}: failed: {why}" for row in self.rows for seed, why in row.failed.items()]


def by_name(comparison: Comparison, records: Mapping[str, Record]) -> list[SeedsRow]:
    """One row a name, in the order of the runs; empty where no name has more than one run.

    Each is compared with the baseline's name, without a test; with none where numbers must not be compared.
    """
    named: defaultdict[str, list[Row]] = defaultdict(list)
    for row in comparison.rows:
        named[row.name].append(row)
    if len(named) == len(comparison.rows):
        return []
    macro = {name: mean(row.macro_f1 for row in rows) for name, rows in named.items()}
    base = records[comparison.baseline].name
    rows = []
    for name, runs in named.items():
        against = None if name == base or comparison.warnings else base
        gain = macro[name] - macro[against] if against else None
        spreads = _spreads([records[row.run] for row in runs], comparison.split)
        rows.append(SeedsRow(name, "", against, *spreads, gain=gain))
    return rows


def read_ablation(folder: Path, *, split: str | None = None) -> AblationTable:
    """Read the table of an ablation's folder, finished or not.

    Args:
        folder: as ``coner ablate`` made it.
        split: whose scores; default: test where every run has it, else dev.

    Raises:
        DataError: no run has finished or failed, runs were not scored on the same data, or a file is damaged.
    """
    plan = read_plan(folder)
    records = {path.parent.name: read_record(path) for path in sorted(folder.glob(f"*/{RECORD}"))}
    runs = {run: of for run, of in records.items() if of.name in plan and run == run_name(of.name, of.seed)}
    reasons = {path.parent.name: path.read_text("utf-8").strip() for path in sorted(folder.glob(f"*/{FAILED}"))}
    failed = {run: why for run, why in reasons.items() if _is_run(run, plan)}
    if not runs and not failed:
        raise DataError("no run of the plan in it; start it with coner ablate", folder)
    split = split or (choose_split(runs) if runs else "dev")
    _check(runs, split, folder)
    by_row = {row: {each.seed: each for each in runs.values() if each.name == row} for row in plan}
    pairs = {row: (by_row.get(plan[row]["against"] or "", {}), by_row[row]) for row in plan}
    swaps = swaps_for(sum(not one.keys().isdisjoint(two) for one, two in pairs.values()))
    differences = corrected({row: _paired(one, two, split, swaps) for row, (one, two) in pairs.items()})
    rows = []
    for name, entry in plan.items():
        failures = {seed: why for run, why in failed.items() for row, _, seed in [run.rpartition(".")] if row == name}
        if by_row[name] or failures:
            tested = differences[name]
            spreads = _spreads(by_row[name].values(), split)
            gain = tested["macro_f1"].value if tested else None
            rows.append(SeedsRow(name, entry["about"] or "", entry["against"], *spreads, tested, gain, failures))
    known = runs.keys() | failed.keys()
    return AblationTable(split, tuple(rows), tuple(name for name in {**records, **reasons} if name not in known))


def _is_run(name: str, plan: Mapping[str, object]) -> bool:
    row, _, seed = name.rpartition(".")
    return row in plan and seed.isdecimal() and name == run_name(row, int(seed))


def _check(runs: Mapping[str, Record], split: str, folder: Path) -> None:
    """Raise unless all runs have scores on the split, by the same gold and the same scorer."""
    for name, record in runs.items():
        if split not in record.scores:
            raise DataError(f"run {name!r} has no scores on {split}; compare on another --split", folder)
    for name, record in runs.items():
        first = next(iter(runs.values()))
        if record.scores[split].scorer != first.scores[split].scorer:
            raise DataError(f"run {name!r} cannot be compared: it was scored by another version of coner", folder)
        if not same_gold(first.sentences[split], record.sentences[split]):
            raise DataError(f"run {name!r} was scored on another {split} file than the others", folder)


def _paired(
    first: Mapping[int, Record], second: Mapping[int, Record], split: str, swaps: int
) -> dict[str, Difference] | None:
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return None
    one, two = ([runs[seed].sentences[split] for seed in seeds] for runs in (first, second))
    return {name: difference(one, two, metric, swaps=swaps) for name, metric in BOOTSTRAPPED.items()}


def _spreads(records: Iterable[Record], split: str) -> tuple[tuple[int, ...], dict[str, Spread | None], Spread | None]:
    """The seeds of runs, and their scores and times of training."""
    records = sorted(records, key=lambda record: record.seed)
    scores = [record.scores[split] for record in records]
    by_metric = {metric.name: Spread.of(map(metric.read, scores)) for metric in shown_in("ablation").values()}
    seconds = Spread.of(record.time.train_seconds for record in records)
    return tuple(record.seed for record in records), by_metric, seconds


def _cells(row: SeedsRow) -> list[Cell]:
    seeds = str(len(row.seeds)) + (f" ({len(row.failed)} failed)" if row.failed else "")
    time = duration(row.train_seconds.mean) if row.train_seconds else DASH
    tested = [(cell, row.difference.significant) for cell in show_difference(row.difference)] if row.difference else []
    plain = [row.name, seeds, *map(_text, row.scores.values()), time, row.against or DASH]
    return [*((cell, False) for cell in plain), *(tested or [(DASH, False)] * 2)]


def _text(spread: Spread | None) -> str:
    if spread is None:
        return DASH
    return f"{spread.mean:.3f}" + ("" if spread.deviation is None else f" ± {spread.deviation:.3f}")
