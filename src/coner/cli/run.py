"""What the commands that record a run share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from coner.cli.spending import INCOMPLETE, report_record

if TYPE_CHECKING:
    from coner.families.recipe import Recipe


def run_recipe(recipe: Recipe, out: Path, *, overwrite: bool, as_json: bool) -> None:
    """Execute a recipe and print its outcome; exit code 3 if something has no answer."""
    from coner.core.progress import stderr
    from coner.records.record import RECORD
    from coner.runs.execute import execute

    finished = (out / RECORD).exists() and not overwrite and not recipe.rebuild
    record = execute(recipe, out, overwrite=overwrite)
    if finished:
        stderr.print(f"{out}: this run is already finished; --overwrite repeats it")
    complete = report_record(record, out)
    if as_json:
        typer.echo(json.dumps(record.as_dict()["scores"], ensure_ascii=False))
    if not complete:
        raise typer.Exit(INCOMPLETE)
