"""Runs side by side: built once as data, then shown as a terminal table, as Markdown or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from coner.core.errors import DataError
from coner.data.splits import noisy_split
from coner.evaluation.significance import METRICS, Difference, difference, holm, same_gold, swaps_for
from coner.records.record import Record
from coner.report.asked import Asked, asked_grid, asked_of
from coner.report.columns import COLUMNS, Column, show_difference, words
from coner.report.grid import Grid

if TYPE_CHECKING:
    from rich.table import Table

Differences = Mapping[str, Difference]  # by metric


@dataclass(frozen=True)
class Row:
    """One run. Scores are fractions of 1; what a record does not tell is ``None``.

    Attributes:
        run: the name of its folder or file; ``name`` and ``kind`` are the record's.
        micro_interval, macro_interval: bootstrap percentile intervals.
        noisy_macro_f1: on the part with typos; ``None`` where it was not scored so.
        unseen_recall: on the mentions that training does not know.
        differences: this run less the baseline, by metric; ``None`` for the baseline, and where nothing can be paired.
            p is corrected for the number of runs.
        asked: what a language model took for it; ``None`` where none was asked.
    """

    run: str
    name: str
    kind: str
    micro_f1: float
    micro_interval: tuple[float, float] | None
    macro_f1: float
    macro_classes: int | None
    macro_interval: tuple[float, float] | None
    noisy_macro_f1: float | None
    coarse_macro_f1: float
    span_f1: float
    unseen_recall: float | None
    train_seconds: float | None
    sentences_per_second: float | None
    words_per_second: float | None
    parameters: int | None
    bytes: int | None
    differences: Mapping[str, Difference] | None
    asked: Asked | None


@dataclass(frozen=True)
class Comparison:
    """Runs on one part of the data.

    Attributes:
        part: ``dev`` or ``test``.
        baseline: the run that the differences are taken from.
        rows: in the order in which they were named.
        warnings: why numbers of this table must not be compared; then nothing is called best.
        best: field to the runs that are best in it.
    """

    part: str
    baseline: str
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]
    best: Mapping[str, tuple[str, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; ``real`` tells of each difference whether it is more than chance."""
        return with_real(asdict(self), [row.differences for row in self.rows])


def compare_runs(records: Mapping[str, Record], *, part: str | None = None, baseline: str | None = None) -> Comparison:
    """Put runs side by side.

    Args:
        records: by the name of the run.
        part: which part's scores; test where every run has it, else dev, if it is ``None``.
        baseline: the run to take differences from; the first one, if it is ``None``.

    Raises:
        DataError: a run lacks that part's scores, or there is no such baseline.
    """
    part = part or choose_part(records)
    if lacking := [run for run, record in records.items() if part not in record.scores]:
        raise DataError(f"run {lacking[0]!r} has no scores on {part}; leave it out, or compare on another --part")
    baseline = baseline or next(iter(records))
    if baseline not in records:
        raise DataError(f"--baseline {baseline!r} is not among the runs; expected one of: {', '.join(records)}")
    swaps = swaps_for(len(records) - 1)
    found = corrected({run: _paired(records[baseline], record, part, swaps) for run, record in records.items()})
    rows = tuple(_row(run, record, part, found[run]) for run, record in records.items())
    warnings = tuple(_warnings(records, part, baseline))
    best = {} if warnings or len(rows) == 1 else {column.field: _best(rows, column) for column in COLUMNS}
    return Comparison(part, baseline, rows, warnings, best)


def with_real(values: dict[str, Any], differences: Iterable[Differences | None]) -> dict[str, Any]:
    """A table as plain values, each difference of its rows told whether it is more than chance."""
    for made, by_metric in zip(values["rows"], differences, strict=True):
        for metric, found in (by_metric or {}).items():
            made["differences"][metric]["real"] = found.real
    return values


def corrected(found: Mapping[str, Differences | None]) -> dict[str, Differences | None]:
    """Differences with their p corrected for the number of comparisons, metric by metric (Holm)."""
    paired = {run: dict(differences) for run, differences in found.items() if differences is not None}
    for metric in METRICS:
        ps = holm([differences[metric].p for differences in paired.values()])
        for differences, p in zip(paired.values(), ps, strict=True):
            differences[metric] = replace(differences[metric], corrected_p=p)
    return {run: paired.get(run) for run in found}


def choose_part(records: Mapping[str, Record]) -> str:
    """Test where every run has been scored on it, else dev."""
    return "test" if all("test" in record.scores for record in records.values()) else "dev"


def to_markdown(comparison: Comparison) -> str:
    """GitHub tables: the scores; the differences, and what language models took, where there are any."""
    return "\n\n".join(grid.markdown() for grid in _grids(comparison))


def to_tables(comparison: Comparison) -> list[Table]:
    """The same as tables for a terminal."""
    return [grid.table() for grid in _grids(comparison)]


def _grids(comparison: Comparison) -> list[Grid]:
    noisy = any(row.noisy_macro_f1 is not None for row in comparison.rows)
    columns = [column for column in COLUMNS if noisy or column.field != "noisy_macro_f1"]
    rows = [
        [(row.run, False), *((c.show(row), row.run in comparison.best.get(c.field, ())) for c in columns)]
        for row in comparison.rows
    ]
    grids = [Grid(["run", *(column.title for column in columns)], rows)]
    paired = [(row.run, row.differences) for row in comparison.rows if row.differences is not None]
    if paired:
        p = "p (Holm)" if len(paired) > 1 else "p"
        heading = [
            f"less {comparison.baseline}",
            *(f"{words(m)}{end}" for m in METRICS for end in (" (95 %)", f", {p}")),
        ]
        cells = [
            [(run, False), *((text, found[m].real) for m in METRICS for text in show_difference(found[m]))]
            for run, found in paired
        ]
        grids.append(Grid(heading, cells))
    if asked := {row.run: row.asked for row in comparison.rows if row.asked is not None}:
        grids.append(asked_grid(asked))
    return grids


def _row(run: str, record: Record, part: str, differences: Mapping[str, Difference] | None) -> Row:
    scores, speed = record.scores[part], record.time.get(part) or {}
    bounds = scores.get("intervals", {})
    return Row(
        run=run,
        name=record.name,
        kind=record.kind,
        micro_f1=scores["fine"]["micro_f1"],
        micro_interval=_interval(bounds.get("micro_f1")),
        macro_f1=scores["fine"]["macro_f1"],
        macro_classes=scores["fine"].get("macro_classes"),
        macro_interval=_interval(bounds.get("macro_f1")),
        noisy_macro_f1=record.scores.get(noisy_split(part), {}).get("fine", {}).get("macro_f1"),
        coarse_macro_f1=scores["coarse"]["macro_f1"],
        span_f1=scores["span"]["f1"],
        unseen_recall=scores.get("unseen", {}).get("recall"),
        train_seconds=record.time.get("train_seconds"),
        sentences_per_second=speed.get("sentences_per_second"),
        words_per_second=speed.get("words_per_second"),
        parameters=record.size.get("parameters"),
        bytes=record.size.get("bytes"),
        differences=differences,
        asked=asked_of(record, part),
    )


def _interval(bounds: Sequence[float] | None) -> tuple[float, float] | None:
    return (bounds[0], bounds[1]) if bounds else None


def _paired(first: Record, second: Record, part: str, swaps: int) -> dict[str, Difference] | None:
    if first is second or _scored(first, part) != _scored(second, part):
        return None
    one, two = (record.sentences.get(part) and record.sentence_counts(part) for record in (first, second))
    if not one or not two or not same_gold(one, two):
        return None
    return {name: difference([one], [two], metric, swaps=swaps) for name, metric in METRICS.items()}


def _scored(record: Record, part: str) -> tuple[object, object]:
    """What has to be equal where two numbers are compared: the data, and the scorer."""
    return record.data.get(part, {}).get("sha256"), record.scores[part].get("scorer")


def _warnings(records: Mapping[str, Record], part: str, baseline: str) -> list[str]:
    found, first = [], records[baseline]
    for run, record in records.items():
        (data, scorer), (other_data, other_scorer) = _scored(first, part), _scored(record, part)
        if data != other_data:
            there, here = (_file(r.data.get(part, {})) for r in (first, record))
            found.append(f"{run} was scored on other data than {baseline}: {here}, not {there}")
        elif not _same_support(first, record, part):
            found.append(f"{run} was scored on other gold mentions than {baseline}, though from the same {part} file")
        if scorer != other_scorer:
            found.append(f"{run} was scored by {other_scorer}, {baseline} by {scorer}")
    noises = {run: data["sha256"] for run, record in records.items() if (data := record.data.get(noisy_split(part)))}
    first_noisy = next(iter(noises), "")
    other = [run for run, sha256 in noises.items() if sha256 != noises[first_noisy]]
    return found + [f"{run} was scored with other noise than {first_noisy}" for run in other]


def _same_support(first: Record, second: Record, part: str) -> bool:
    if part not in first.sentences or part not in second.sentences:
        return True  # not told
    return same_gold(first.sentence_counts(part), second.sentence_counts(part))


def _file(data: Mapping[str, Any]) -> str:
    return f"{data.get('file')} ({data.get('sentences')} sentences, sha256 {str(data.get('sha256'))[:12]})"


def _best(rows: Sequence[Row], column: Column) -> tuple[str, ...]:
    known = {row.run: value for row in rows if (value := getattr(row, column.field)) is not None}
    return tuple(run for run, value in known.items() if value == column.good(list(known.values())))
