"""``coner models``: the models that are installed as Python packages."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from coner.cli.options import JsonOutput


def models(as_json: JsonOutput = False) -> None:
    """List the models that are installed as Python packages, with their scores from the record.

    Such a package is built by coner package; its name stands for the model in every command.

    Examples:

      coner models

      coner models --json
    """
    from coner.core.progress import stderr
    from coner.report.grid import print_whole
    from coner.report.models import installed_models, models_table

    found = list(installed_models())
    if as_json:
        values = [{**asdict(model), "folder": model.folder and str(model.folder)} for model in found]
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
        return
    if not found:
        stderr.print("no package with a model is installed; coner package builds one")
    for model in found:
        if model.error:
            stderr.print(f"Warning: {model.name} {model.version} cannot be used: {model.error}")
    if any(model.kind for model in found):
        print_whole(models_table(found).table())
