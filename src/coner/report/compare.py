"""Runs side by side: built once as data, then shown as a terminal table, as Markdown or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any

from coner.core.errors import DataError
from coner.data.split import noisy_split
from coner.evaluation.metrics import BOOTSTRAPPED
from coner.evaluation.significance import Difference, difference, holm, same_gold, swaps_for
from coner.records.record import Record
from coner.report.columns import (
    COLUMNS,
    TITLES,
    USAGE_HEADING,
    Column,
    UsageValues,
    show_difference,
    usage_cells,
    usage_values,
)
from coner.report.grid import Grid, bold

Differences = Mapping[str, Difference]  # by metric


@dataclass(frozen=True)
class Row:
    """One run."""

    run: str  # the name of its folder or file
    name: str  # of the record, as is ``kind``
    kind: str
    values: Mapping[str, float | None]  # by column; ``None`` is unknown
    intervals: Mapping[str, Sequence[float]]  # bootstrap percentile intervals by metric
    # This run minus the baseline, p corrected for the number of runs; ``None`` if they cannot be paired.
    differences: Differences | None
    asked: UsageValues | None  # usage of a language model; ``None`` if none was called

    @property
    def macro_f1(self) -> float:
        """The score that runs are ordered by."""
        return self.values["macro_f1"] or 0.0

    def text(self, column: Column) -> str:
        """Its cell in a column."""
        return column.text(self.values[column.name], self.intervals.get(column.name))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **{"run": self.run, "name": self.name, "kind": self.kind},
            **self.values,
            **{f"{name.removesuffix('_f1')}_interval": bounds for name, bounds in self.intervals.items()},
            "differences": plain_differences(self.differences),
            "asked": self.asked,
        }


@dataclass(frozen=True)
class Comparison:
    """Runs on one split of the data."""

    split: str  # dev or test
    baseline: str  # the run that differences are relative to
    rows: tuple[Row, ...]  # in the order in which they were named
    warnings: tuple[str, ...]  # why numbers of this table must not be compared; then no run is marked as best
    oracles: tuple[str, ...]  # the runs whose knowledge base has gold mentions of the split, as sentences
    best: Mapping[str, tuple[str, ...]]  # column to the runs that are best in it

    @property
    def columns(self) -> list[Column]:
        """The columns of its table."""
        empty = {name for name in self.rows[0].values if all(row.values[name] is None for row in self.rows)}
        return [column for column in COLUMNS if column.title and not (column.optional and column.name in empty)]

    @property
    def asked(self) -> Grid:
        """Usage of language models; no rows if none was called."""
        return Grid(USAGE_HEADING, [[row.run, *usage_cells(row.asked)] for row in self.rows if row.asked is not None])

    def _repr_html_(self) -> str:
        """Its tables, for notebooks."""
        warnings = "".join(f"<p><strong>{escape(f'Do not compare: {text}')}</strong></p>" for text in self.warnings)
        warnings += "".join(f"<p><strong>{escape(f'Oracle: {text}')}</strong></p>" for text in self.oracles)
        return warnings + "".join(grid.html() for grid in grids(self))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; ``part`` is the former name of ``split``."""
        return {**asdict(self), "part": self.split, "rows": [row.as_dict() for row in self.rows]}


def compare_runs(records: Mapping[str, Record], *, split: str | None = None, baseline: str | None = None) -> Comparison:
    """Compare runs on one split; ``records`` are by the name of the run.

    Default: scores on test where every run has it, else dev, and differences from the first run.

    Raises:
        DataError: a run has no scores on that split, or there is no such baseline.
    """
    split = split or choose_split(records)
    if lacking := [run for run, record in records.items() if split not in record.scores]:
        raise DataError(f"run {lacking[0]!r} has no scores on {split}; leave it out, or compare on another --split")
    baseline = baseline or next(iter(records))
    if baseline not in records:
        raise DataError(f"--baseline: got {baseline!r}; expected one of the runs: {', '.join(records)}")
    first, swaps = records[baseline], swaps_for(len(records) - 1)
    pairs = {run: record for run, record in records.items() if run != baseline and _can_pair(first, record, split)}
    differences = corrected({run: paired([first], [record], split, swaps) for run, record in pairs.items()})
    rows = tuple(
        Row(
            run=run,
            name=record.name,
            kind=record.kind,
            values={column.name: column.read(record, split) for column in COLUMNS},
            intervals={name: bounds for name in BOOTSTRAPPED if (bounds := record.scores[split].intervals.of(name))},
            differences=differences.get(run),
            asked=usage_values(record, split),
        )
        for run, record in records.items()
    )
    warnings = tuple(_warnings(records, split, baseline))
    columns = () if warnings or len(rows) == 1 else [column for column in COLUMNS if column.title]
    best = {column.name: column.best({row.run: row.values[column.name] for row in rows}) for column in columns}
    oracles = tuple(
        f"the knowledge base of {run} knew gold mentions of {', '.join(record.oracle)}"
        for run, record in records.items()
        if record.oracle
    )
    return Comparison(split, baseline, rows, warnings, oracles, best)


def paired(first: Sequence[Record], second: Sequence[Record], split: str, swaps: int) -> dict[str, Difference]:
    """Second minus first by metric, over equally many runs on each side; for ``swaps`` see ``swaps_for``."""
    one, two = ([record.sentences[split] for record in side] for side in (first, second))
    return {name: difference(one, two, metric, swaps=swaps) for name, metric in BOOTSTRAPPED.items()}


def corrected(differences: Mapping[str, Differences]) -> dict[str, Differences]:
    """Correct the p values for the number of comparisons, metric by metric (Holm)."""
    ps = {metric: holm([each[metric].p for each in differences.values()]) for metric in BOOTSTRAPPED}
    return {
        run: {metric: replace(each[metric], corrected_p=ps[metric][index]) for metric in BOOTSTRAPPED}
        for index, (run, each) in enumerate(differences.items())
    }


def plain_differences(differences: Differences | None) -> dict[str, Any] | None:
    """Differences as plain values, for JSON; ``real`` is the former name of ``significant``."""
    if differences is None:
        return None
    return {
        name: {**asdict(each), "significant": each.significant, "real": each.significant}
        for name, each in differences.items()
    }


def choose_split(records: Mapping[str, Record]) -> str:
    """Test where every run has been scored on it, else dev."""
    return "test" if all("test" in record.scores for record in records.values()) else "dev"


def grids(comparison: Comparison) -> list[Grid]:
    """The tables: scores; differences and usage of language models, where there are any."""
    columns, best = comparison.columns, comparison.best
    rows = [
        [row.run, *(bold(row.text(column), row.run in best.get(column.name, ())) for column in columns)]
        for row in comparison.rows
    ]
    grids = [Grid(["run", *(column.title or "" for column in columns)], rows)]
    if paired := {row.run: row.differences for row in comparison.rows if row.differences is not None}:
        ends = (" (95 %)", ", p (Holm)" if len(paired) > 1 else ", p")
        heading = [f"minus {comparison.baseline}", *(f"{TITLES[name]}{end}" for name in BOOTSTRAPPED for end in ends)]
        cells = [
            [run, *(bold(text, each[m].significant) for m in BOOTSTRAPPED for text in show_difference(each[m]))]
            for run, each in paired.items()
        ]
        grids.append(Grid(heading, cells))
    return [*grids, comparison.asked] if comparison.asked.rows else grids


def _scored(record: Record, split: str) -> tuple[str, str]:
    """The data and the scorer, which must be equal for scores to be comparable."""
    return record.data[split].sha256, record.scores[split].scorer


def _can_pair(first: Record, second: Record, split: str) -> bool:
    same = _scored(first, split) == _scored(second, split)
    return same and same_gold(first.sentences[split], second.sentences[split])


def _warnings(records: Mapping[str, Record], split: str, baseline: str) -> list[str]:
    warnings, first = [], records[baseline]
    for run, record in records.items():
        (data, scorer), (other_data, other_scorer) = _scored(first, split), _scored(record, split)
        if data != other_data:
            files = (each.data[split] for each in (first, record))
            there, here = (f"{file.file} ({file.sentences} sentences, sha256 {file.sha256[:12]})" for file in files)
            warnings.append(f"{run} was scored on other data than {baseline}: {here}, not {there}")
        elif not same_gold(first.sentences[split], record.sentences[split]):
            warnings.append(f"{run} was scored on other gold mentions than {baseline}, from the same {split} file")
        if scorer != other_scorer:
            warnings.append(f"{run} was scored by {other_scorer}, {baseline} by {scorer}")
    noisy = noisy_split(split)
    noises = {run: record.data[noisy].sha256 for run, record in records.items() if noisy in record.data}
    first_noisy = next(iter(noises), "")
    other = [run for run, sha256 in noises.items() if sha256 != noises[first_noisy]]
    return warnings + [f"{run} was scored with other noise than {first_noisy}" for run in other]
