"""``coner compare``: runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coner.cli.options import HiddenPart, ShownSplit
from coner.core.counted import counted

if TYPE_CHECKING:
    from coner.report.ablation import AblationTable
    from coner.report.grid import Grid
    from coner.report.report import Report


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or record files.")],
    split: ShownSplit = "auto",
    split_alias: HiddenPart = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="RUN", help="Take differences from this run. Default: the first one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print GitHub tables.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a web page: tables, plots, sentences with errors.")
    ] = None,
    kb: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|URL",
            help="Knowledge base whose entries the web page shows with each mention: folder, or server/index.",
        ),
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also write the main plots, as SVG and PNG.")
    ] = None,
) -> None:
    """Show runs in one table, the best in bold, with paired differences (bootstrap interval, randomisation test).

    The folder of an ablation is shown as its table: one line per row, over its seeds.

    Examples:

      coner compare runs/*

      coner compare results/*.json --split dev --baseline crf --markdown

      coner compare runs/* --html report.html --pictures plots

      coner compare runs/ablation
    """
    from coner.core.errors import ConerError
    from coner.core.progress import stderr
    from coner.knowledge import load
    from coner.records.ablation import is_ablation
    from coner.report.compare import grids
    from coner.report.report import compare_ablation, compare_folders

    shown = None if (split_alias or split) == "auto" else (split_alias or split)
    if kb is not None and html is None:
        raise ConerError("--kb: only affects the web page. Fix: add --html FILE, or leave it out")
    knowledge = None if kb is None else load(kb)
    if as_json and markdown:
        raise ConerError("got --json and --markdown; expected one of them")
    if len(runs) == 1 and is_ablation(runs[0]):
        if baseline is not None and not (html or pictures):
            raise ConerError("--baseline: got an ablation, whose plan names the baseline per row. Fix: leave it out")
        table = show_ablation(runs[0], split=shown, as_json=as_json, markdown=markdown)
        if html or pictures:
            _write(compare_ablation(table, runs[0], baseline=baseline).report(knowledge), html, pictures)
        return
    compared = compare_folders(runs, split=shown, baseline=baseline)
    comparison = compared.comparison
    for warning in comparison.warnings:
        stderr.print(f"Warning: do not compare these numbers: {warning}", style="bold")
    for oracle in comparison.oracles:
        stderr.print(f"Warning: {oracle}: an oracle, whose scores are not comparable", style="bold")
    if html or pictures:
        _write(compared.report(knowledge), html, pictures)
    values = {**comparison.as_dict(), "left_out": compared.left_out}
    _print(comparison.split, grids(comparison), values, as_json=as_json, markdown=markdown)


def show_ablation(folder: Path, *, split: str | None = None, as_json: bool, markdown: bool) -> AblationTable:
    """Print the table of an ablation's folder, and return it; failures and what is left out go to stderr."""
    from coner.core.progress import stderr
    from coner.report.ablation import read_ablation

    table = read_ablation(folder, split=split)
    for name in table.left_out:
        stderr.print(f"{folder / name}: left out, its run is of another name or seed")
    _print(table.split, [table.grid()], table.as_dict(), as_json=as_json, markdown=markdown)
    for failure in table.failures():
        if markdown:
            typer.echo(f"- {failure}")
        else:
            stderr.print(failure)
    return table


def _print(split: str, grids: list[Grid], values: dict[str, Any], *, as_json: bool, markdown: bool) -> None:
    from coner.report.grid import print_whole

    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    elif markdown:
        typer.echo("\n\n".join([f"Scores on {split}.", *(grid.markdown() for grid in grids)]))
    else:
        print_whole(f"Scores on {split}", *(grid.table() for grid in grids))


def _write(report: Report, html: Path | None, pictures: Path | None) -> None:
    from coner.core.progress import stderr

    if html:
        from coner.report.html import write_page

        write_page(report, html)
        stderr.print(
            f"{html}: {counted(len(report.records), 'run')}, {len(report.predictions.predicted)} of them with sentences"
        )
    if pictures:
        from coner.report.pictures import write_pictures

        stderr.print(f"{pictures}: {', '.join(path.name for path in write_pictures(report, pictures))}")
