"""``coner export``: a trained encoder as a model that needs no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from coner.cli.options import model_argument
from coner.cli.outcome import print_before_after


def export(
    model: Annotated[Path, model_argument("Folder of a trained encoder, an installed package, or hf://user/name.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the exported model; must not hold a model.")],
    int8: Annotated[bool, typer.Option("--int8", help="Weights as 8-bit integers: about a third of the size.")] = False,
    dev: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Dev file to compare on; default: that of the run.")
    ] = None,
    max_drop: Annotated[
        float, typer.Option(min=0, help="Maximum loss of micro or macro F1, in percentage points.")
    ] = 0.3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, F1 in fractions of 1.")] = False,
    onnx: Annotated[bool, typer.Option("--onnx", hidden=True)] = False,  # noqa: ARG001 - once required
) -> None:
    """Export a trained encoder to ONNX: a model folder that works without torch and transformers.

    Both models are evaluated on the dev split and timed. If the exported one loses more than --max-drop, nothing is
    written and the exit code is 2. To use it: pip install 'coner[onnx]'

    Examples:

      coner export runs/paper -o models/paper

      coner export runs/paper --int8 --dev dev.conll -o models/paper-int8
    """
    from coner.core.errors import requires_extra

    with requires_extra("coner export", "export"):
        from coner.families.onnx.export.run import export as export_run
    report = export_run(model, out, dev=dev, int8=int8, max_drop=max_drop)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
    else:
        print_before_after(report, names=("before", "after"))
