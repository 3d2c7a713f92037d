"""``coner compare``: runs side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from coner.records.record import Record
    from coner.report.ablation import AblationTable
    from coner.report.compare import Comparison


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or record files.")],
    part: Annotated[
        Literal["auto", "dev", "test"], typer.Option(help="Which scores; auto: test where every run has it, else dev.")
    ] = "auto",
    baseline: Annotated[
        str | None, typer.Option(metavar="RUN", help="Take differences from this run, not from the first.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="GitHub tables.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a page to read: tables, plots, sentences with errors."),
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also write the main plots, as SVG and PNG.")
    ] = None,
) -> None:
    """Show runs in one table, the best in bold, with paired differences (bootstrap interval, randomisation test).

    Examples:

      coner compare runs/*

      coner compare results/*.json --part dev --baseline crf --markdown

      coner compare runs/* --html report.html --pictures plots

      coner compare runs/ablation        (a folder of coner ablate: a line for each row, over its seeds)
    """
    from coner.core.errors import ConerError, DataError
    from coner.core.progress import stderr
    from coner.records.ablation import is_ablation
    from coner.records.record import read_record
    from coner.report.compare import choose_part, compare_runs, to_markdown, to_tables
    from coner.report.terminal import print_whole

    if as_json and markdown:
        raise ConerError("--json and --markdown are two forms of the same table; choose one")
    if len(runs) == 1 and is_ablation(runs[0]):
        if baseline is not None and not (html or pictures):
            raise ConerError("--baseline: rows of an ablation stand against those that its list names; leave it out")
        table = show_ablation(runs[0], part=None if part == "auto" else part, as_json=as_json, markdown=markdown)
        if html or pictures:
            _write_ablation(table, runs[0], baseline, html=html, pictures=pictures)
        return
    places, left_out = run_places(runs)
    records = {run: read_record(place) for run, place in places.items()}
    chosen = choose_part(records) if part == "auto" else part
    lacking = [run for run, record in records.items() if chosen not in record.scores]
    for run in lacking:
        stderr.print(f"{run}: left out, it has no scores on {chosen}")
        del records[run]
    if not records:
        raise DataError(f"none of the {len(runs)} places has a record with scores on {chosen}; train first")
    if left_out or lacking:
        stderr.print(f"{len(left_out) + len(lacking)} of {len(runs)} left out")
    comparison = compare_runs(records, part=chosen, baseline=baseline)
    for warning in comparison.warnings:
        stderr.print(f"Warning: do not compare these numbers: {warning}", style="bold")
    if html or pictures:
        _write(comparison, records, places, html=html, pictures=pictures)
    if as_json:
        values = {**comparison.as_dict(), "left_out": [*left_out, *lacking]}
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    elif markdown:
        typer.echo(f"Scores on {comparison.part}.\n\n{to_markdown(comparison)}")
    else:
        print_whole(f"Scores on {comparison.part}", *to_tables(comparison))


def show_ablation(folder: Path, *, part: str | None = None, as_json: bool, markdown: bool) -> AblationTable:
    """Print the table of an ablation's folder, and return it; what is left out, and failures, are told."""
    from coner.core.progress import stderr
    from coner.report.ablation import read_ablation
    from coner.report.terminal import print_whole

    table = read_ablation(folder, part=part)
    failures = table.failures()
    for name in table.left_out:
        stderr.print(f"{folder / name}: left out, its run is of another name or seed")
    if as_json:
        typer.echo(json.dumps(table.as_dict(), ensure_ascii=False, indent=2))
    elif markdown:
        typer.echo("\n".join([f"Scores on {table.part}.\n\n{table.grid().markdown()}", *(f"- {f}" for f in failures)]))
    else:
        print_whole(f"Scores on {table.part}", table.grid().table())
    for failure in () if markdown else failures:
        stderr.print(failure)
    return table


def read_runs(places: Sequence[Path]) -> tuple[dict[str, Record], list[str]]:
    """Records by the name of the run, and the folders that have none (each told on stderr)."""
    from coner.records.record import read_record

    named, left_out = run_places(places)
    return {name: read_record(place) for name, place in named.items()}, left_out


def run_places(places: Sequence[Path]) -> tuple[dict[str, Path], list[str]]:
    """Folders and record files by the name of the run, and the folders without a record (each told on stderr)."""
    from coner.core.progress import stderr
    from coner.records.record import RECORD, record_path

    found, left_out = list[Path](), list[str]()
    for place in places:
        if place.is_dir() and not (place / RECORD).exists():
            stderr.print(f"{place}: left out, no {RECORD} in it")
            left_out.append(str(place))
        else:
            found.append(place)
    once: dict[Path, Path] = {}
    for place in found:
        if (first := once.setdefault(record_path(place).resolve(), place)) is not place:
            stderr.print(f"{place}: left out, it is {first}")
            left_out.append(str(place))
    found = list(once.values())
    names = [_name(place) for place in found]
    unique = [name if names.count(name) == 1 else str(place) for name, place in zip(names, found, strict=True)]
    return dict(zip(unique, found, strict=True)), left_out


def _write_ablation(
    table: AblationTable, folder: Path, baseline: str | None, *, html: Path | None, pictures: Path | None
) -> None:
    """The page of an ablation, the pictures, or both."""
    from coner.core.errors import DataError
    from coner.records.record import read_record
    from coner.report.compare import compare_runs

    places = {name: folder / name for row in table.rows for name in row.runs}
    if not places:
        raise DataError("no finished run in it, and so no page and no picture", folder)
    records = {run: read_record(place) for run, place in places.items()}
    compared = compare_runs(records, part=table.part, baseline=baseline)
    _write(compared, records, places, html=html, pictures=pictures, ablation=table)


def _write(
    comparison: Comparison,
    records: Mapping[str, Record],
    places: Mapping[str, Path],
    *,
    html: Path | None,
    pictures: Path | None,
    ablation: AblationTable | None = None,
) -> None:
    """The page, the pictures, or both."""
    from coner.core.progress import stderr
    from coner.report.found import read_found, run_folder
    from coner.report.groups import find_groups

    folders = {run: run_folder(place) for run, place in places.items()}
    found = read_found(records, folders, part=comparison.part, baseline=comparison.baseline)
    groups = find_groups(records, folders, comparison.part)
    if html:
        from coner.report.html import write_page

        write_page(comparison, records, html, groups=groups, found=found, ablation=ablation)
        stderr.print(f"{html}: {len(records)} runs, {len(found.predicted)} of them with sentences")
    if pictures:
        from coner.report.pictures import write_pictures

        written = write_pictures(comparison, records, pictures, groups=groups, found=found)
        stderr.print(f"{pictures}: {', '.join(path.name for path in written)}")


def _name(place: Path) -> str:
    from coner.records.record import RECORD

    whole = place.absolute()
    return whole.parent.name if whole.name == RECORD else whole.stem if whole.is_file() else whole.name
