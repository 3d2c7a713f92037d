"""Means over seeds: one line per row of an ablation, compared with another row, or per name of several runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from coner.core.errors import DataError
from coner.evaluation.metrics import shown_in
from coner.evaluation.significance import Difference, same_gold, swaps_for
from coner.records.ablation import FAILED, read_plan, run_name
from coner.records.record import RECORD, Record, read_record
from coner.report.columns import duration, show_difference
from coner.report.compare import Comparison, Differences, choose_split, corrected, paired, plain_differences
from coner.report.grid import DASH, Grid, bold
from coner.report.pools import differing, pools


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

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + ("" if self.deviation is None else f" ± {self.deviation:.3f}")


@dataclass(frozen=True)
class SeedsRow:
    """Runs of one name, or one row of an ablation."""

    name: str
    about: str
    against: str | None  # the row that it is compared with
    seeds: tuple[int, ...]  # of the finished runs
    scores: Mapping[str, Spread | None]  # over them, by metric
    train_seconds: Spread | None
    differences: Differences | None = None  # over the seeds that both rows have; p corrected for the number of rows
    gain: float | None = None  # difference of the mean macro F1, with or without a test
    failed: Mapping[str, str] = field(default_factory=dict)  # seed to the reason

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

    def cells(self) -> list[str]:
        """The cells of the table."""
        seeds = str(len(self.seeds)) + (f" ({len(self.failed)} failed)" if self.failed else "")
        time = duration(self.train_seconds.mean) if self.train_seconds else DASH
        change = self.difference
        tested = [bold(cell, change.significant) for cell in show_difference(change)] if change else [DASH] * 2
        scores = (str(spread or DASH) for spread in self.scores.values())
        return [self.name, seeds, *scores, time, self.against or DASH, *tested]


@dataclass(frozen=True)
class AblationTable:
    """All rows, with their scores on one split."""

    split: str
    rows: tuple[SeedsRow, ...]
    left_out: tuple[str, ...] = ()  # folders whose run has another name or seed than the folder's name says

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; ``part`` is the former name of ``split``."""
        rows = [row.as_dict() for row in self.rows]
        return {"split": self.split, "part": self.split, "rows": rows, "left_out": self.left_out}

    def grid(self) -> Grid:
        """The table: means with deviations, and the difference in macro F1, bold where it is significant."""
        titles = [*shown_in("ablation"), "training", "against", "macro F1 (95 %)", "p"]
        return Grid(["row", "seeds", *titles], [row.cells() for row in self.rows])

    def failures(self) -> list[str]:
        """A line for each run that failed: which, and why."""
        return [f"{row.name}, seed {seed}: failed: {why}" for row in self.rows for seed, why in row.failed.items()]


def by_name(comparison: Comparison, records: Mapping[str, Record]) -> list[SeedsRow]:
    """One row per pool of runs, in their order; empty if none has more than one run.

    Each is compared with the pool of the baseline, without a test; with none if the scores are not comparable.
    """
    pooled = pools({row.run: records[row.run] for row in comparison.rows})
    if len(pooled) == len(comparison.rows):
        return []
    named = {name: [records[run] for run in runs] for name, runs in pooled.items()}
    macro = {name: mean(run.scores[comparison.split].fine.macro_f1 for run in runs) for name, runs in named.items()}
    base = next(name for name, runs in pooled.items() if comparison.baseline in runs)
    rows = []
    for name, runs in named.items():
        against = None if name == base or comparison.warnings else base
        gain = macro[name] - macro[against] if against else None
        rows.append(SeedsRow(name, "", against, *_spreads(runs, comparison.split), gain=gain))
    return rows


def read_ablation(folder: Path, *, split: str | None = None) -> AblationTable:
    """Read the table of the folder of ``coner ablate``, finished or not; the default split is that of ``choose_split``.

    Raises:
        DataError: no run has finished or failed, runs were not scored on the same data, or a file is damaged.
    """
    plan = read_plan(folder)
    records = {path.parent.name: read_record(path) for path in sorted(folder.glob(f"*/{RECORD}"))}
    runs = {run: r for run, r in records.items() if r.name in plan and run == run_name(r.name, r.seed)}
    reasons = {path.parent.name: path.read_text("utf-8").strip() for path in sorted(folder.glob(f"*/{FAILED}"))}
    failed: dict[str, dict[str, str]] = {row: {} for row in plan}
    for run, why in reasons.items():
        row, _, seed = run.rpartition(".")
        if row in plan and seed.isdecimal() and run == run_name(row, int(seed)):
            failed[row][seed] = why
    if not runs and not any(failed.values()):
        raise DataError("no run of the plan in it; start it with coner ablate", folder)
    split = split or (choose_split(runs) if runs else "dev")
    _check(runs, split, folder)
    by_row = {row: {each.seed: each for each in runs.values() if each.name == row} for row in plan}
    sides = {}
    for row, entry in plan.items():
        other = by_row.get(entry["against"] or "", {})
        if seeds := sorted(other.keys() & by_row[row].keys()):
            sides[row] = [other[seed] for seed in seeds], [by_row[row][seed] for seed in seeds]
    swaps = swaps_for(len(sides))
    differences = corrected({row: paired(one, two, split, swaps) for row, (one, two) in sides.items()})
    rows = []
    for row, entry in plan.items():
        if by_row[row] or failed[row]:
            tested = differences.get(row)
            gain = tested["macro_f1"].value if tested else None
            means = _spreads(by_row[row].values(), split)
            rows.append(SeedsRow(row, entry["about"] or "", entry["against"], *means, tested, gain, failed[row]))
    known = runs.keys() | {run_name(row, int(seed)) for row, seeds in failed.items() for seed in seeds}
    return AblationTable(split, tuple(rows), tuple(name for name in {**records, **reasons} if name not in known))


def _check(runs: Mapping[str, Record], split: str, folder: Path) -> None:
    """Raise unless all runs have scores by the same gold and scorer, and those of a row differ only in the seed."""
    for name, record in runs.items():
        if split not in record.scores:
            raise DataError(f"run {name!r} has no scores on {split}; compare on another --split", folder)
        first = next(iter(runs.values()))
        if record.scores[split].scorer != first.scores[split].scorer:
            raise DataError(f"run {name!r} cannot be compared: it was scored by another version of coner", folder)
        if not same_gold(first.sentences[split], record.sentences[split]):
            raise DataError(f"run {name!r} was scored on another {split} file than the others", folder)
        row = next(other for other in runs if runs[other].name == record.name)
        if keys := differing([runs[row], record]):
            fix = "Fix: delete the folder of one, and run coner ablate again"
            raise DataError(
                f"got runs {row!r} and {name!r} that differ in {keys[0]}; expected only seeds. {fix}", folder
            )


def _spreads(records: Iterable[Record], split: str) -> tuple[tuple[int, ...], dict[str, Spread | None], Spread | None]:
    """The seeds of runs, and their scores and times of training."""
    records = sorted(records, key=lambda record: record.seed)
    scores = [record.scores[split] for record in records]
    by_metric = {metric.name: Spread.of(map(metric.read, scores)) for metric in shown_in("ablation").values()}
    seconds = Spread.of(record.time.train_seconds for record in records)
    return tuple(record.seed for record in records), by_metric, seconds
