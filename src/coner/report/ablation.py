"""An ablation as a table: a row's runs by several seeds in one line, beside the row that it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from coner.core.errors import DataError
from coner.evaluation.significance import METRICS, Difference, difference, same_gold, swaps_for
from coner.records.ablation import FAILED, read_plan, run_name
from coner.records.record import RECORD, Record, read_record
from coner.report.columns import duration, show_difference, words
from coner.report.compare import Differences, choose_part, corrected, with_real
from coner.report.grid import DASH, Grid


@dataclass(frozen=True)
class Spread:
    """Values of several runs: their mean, and their standard deviation where there is more than one."""

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """From the values, of which there is at least one."""
        return cls(mean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class AblationRow:
    """One row.

    Attributes:
        name, about, against: as the list has them; ``against`` is ``None`` for a row that is compared with none.
        seeds: of the finished runs.
        micro_f1, macro_f1, span_f1, train_seconds: over them; ``None`` where there is none, or none tells it.
        differences: less the row that it is compared with, over the seeds that both have; p corrected for all rows.
        failed: seed to the reason.
    """

    name: str
    about: str
    against: str | None
    seeds: tuple[int, ...]
    micro_f1: Spread | None
    macro_f1: Spread | None
    span_f1: Spread | None
    train_seconds: Spread | None
    differences: Differences | None
    failed: Mapping[str, str]

    @property
    def runs(self) -> tuple[str, ...]:
        """The folders of the finished runs."""
        return tuple(run_name(self.name, seed) for seed in self.seeds)


@dataclass(frozen=True)
class AblationTable:
    """All rows, by their scores on one part of the data.

    Attributes:
        left_out: folders with a run that is none of the list's: another name, or another seed, than the folder has.
    """

    part: str
    rows: tuple[AblationRow, ...]
    left_out: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; ``real`` tells of each difference whether it is more than chance."""
        return with_real(asdict(self), [row.differences for row in self.rows])

    def grid(self) -> Grid:
        """The table: means with deviations, and the difference in macro F1, bold where it is more than chance."""
        heading = [
            "row",
            "seeds",
            *(words(m) for m in METRICS),
            "span F1",
            "training",
            "against",
            "macro F1 (95 %)",
            "p",
        ]
        return Grid(heading, [_cells(row) for row in self.rows])

    def failures(self) -> list[str]:
        """A line for each run that failed: which, and why."""
        return [f"{row.name}, seed {seed}: failed: {why}" for row in self.rows for seed, why in row.failed.items()]


def read_ablation(folder: Path, *, part: str | None = None) -> AblationTable:
    """The table of an ablation's folder, finished or not.

    Args:
        folder: as ``coner ablate`` made it.
        part: which part's scores; test where every run has it, else dev, if it is ``None``.

    Raises:
        DataError: no run was finished or failed, runs were not scored on the same data, or a file is damaged.
    """
    plan = read_plan(folder)
    found = {path.parent.name: read_record(path) for path in sorted(folder.glob(f"*/{RECORD}"))}
    runs = {name: r for name, r in found.items() if r.name in plan and name == run_name(r.name, r.seed)}
    told = {path.parent.name: path.read_text(encoding="utf-8").strip() for path in sorted(folder.glob(f"*/{FAILED}"))}
    failed = {name: why for name, why in told.items() if _is_run(name, plan)}
    if not runs and not failed:
        raise DataError("no run of the list in it; start it with coner ablate", folder)
    part = part or (choose_part(runs) if runs else "dev")
    if runs:
        _check(runs, part, folder)
    by_row = {row: {r.seed: r for r in runs.values() if r.name == row} for row in plan}
    pairs = {row: (by_row.get(plan[row]["against"] or "", {}), by_row[row]) for row in plan}
    swaps = swaps_for(sum(not one.keys().isdisjoint(two) for one, two in pairs.values()))
    judged = corrected({row: _paired(one, two, part, swaps) for row, (one, two) in pairs.items()})
    rows = [
        _row(row, plan[row], by_row[row], part=part, differences=judged[row], failed=_of_row(failed, row))
        for row in plan
    ]
    shown = tuple(row for row in rows if row.seeds or row.failed)
    return AblationTable(part, shown, tuple(n for n in {**found, **told} if n not in runs and n not in failed))


def _is_run(name: str, plan: Mapping[str, object]) -> bool:
    row, _, seed = name.rpartition(".")
    return row in plan and seed.isdecimal() and name == run_name(row, int(seed))


def _check(runs: Mapping[str, Record], part: str, folder: Path) -> None:
    """Raise unless all runs have scores on the part, by the same gold."""
    first = next(iter(runs.values()))
    for name, record in runs.items():
        if part not in record.scores:
            raise DataError(f"run {name!r} has no scores on {part}; compare on another --part", folder)
        if part not in record.sentences or record.scores[part].get("scorer") != first.scores[part].get("scorer"):
            raise DataError(f"run {name!r} cannot be compared: its record is of another version of coner", folder)
        if not same_gold(first.sentence_counts(part), record.sentence_counts(part)):
            raise DataError(f"run {name!r} was scored on another {part} file than the others", folder)


def _paired(
    first: Mapping[int, Record], second: Mapping[int, Record], part: str, swaps: int
) -> dict[str, Difference] | None:
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return None
    one, two = ([runs[seed].sentence_counts(part) for seed in seeds] for runs in (first, second))
    return {name: difference(one, two, metric, swaps=swaps) for name, metric in METRICS.items()}


def _of_row(failed: Mapping[str, str], row: str) -> dict[str, str]:
    """Seed to reason, from reasons by the names of runs."""
    return {seed: why for run, why in failed.items() for name, _, seed in [run.rpartition(".")] if name == row}


def _row(
    name: str,
    plan: Mapping[str, str | None],
    runs: Mapping[int, Record],
    *,
    part: str,
    differences: Differences | None,
    failed: Mapping[str, str],
) -> AblationRow:
    scores = [record.scores[part] for record in runs.values()]
    seconds = [record.time.get("train_seconds") for record in runs.values()]
    known = [value for value in seconds if value is not None]
    return AblationRow(
        name=name,
        about=plan["about"] or "",
        against=plan["against"],
        seeds=tuple(sorted(runs)),
        micro_f1=Spread.of([values["fine"]["micro_f1"] for values in scores]) if scores else None,
        macro_f1=Spread.of([values["fine"]["macro_f1"] for values in scores]) if scores else None,
        span_f1=Spread.of([values["span"]["f1"] for values in scores]) if scores else None,
        train_seconds=Spread.of(known) if known else None,
        differences=differences,
        failed=failed,
    )


def _cells(row: AblationRow) -> list[tuple[str, bool]]:
    scores = [_spread(spread) for spread in (row.micro_f1, row.macro_f1, row.span_f1)]
    time = duration(row.train_seconds.mean if row.train_seconds else None)
    seeds = str(len(row.seeds)) + (f" ({len(row.failed)} failed)" if row.failed else "")
    found = row.differences["macro_f1"] if row.differences else None
    judged = show_difference(found) if found else (DASH, DASH)
    plain = [(cell, False) for cell in (row.name, seeds, *scores, time, row.against or DASH)]
    return [*plain, *((cell, found is not None and found.real) for cell in judged)]


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return DASH
    return f"{spread.mean:.3f}" + ("" if spread.deviation is None else f" ± {spread.deviation:.3f}")
