"""``coner export``: a trained encoder as a model that needs no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coner.cli.options import model_argument

if TYPE_CHECKING:
    from coner.families.onnx.export.run import ExportReport


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
        _print(report)


def _print(report: ExportReport) -> None:
    from rich import box
    from rich.table import Table

    from coner.report.grid import print_whole

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("", "sentences/s", "MB", "micro F1", "macro F1"):
        table.add_column(title, justify="right" if title else "left", no_wrap=True)
    for name, model in {"before": report.before, "after": report.after}.items():
        speed_and_size = f"{model.sentences_per_second:.0f}", f"{model.bytes / 1e6:.1f}"
        table.add_row(f"{name}: {model.what}", *speed_and_size, f"{model.micro_f1:.4f}", f"{model.macro_f1:.4f}")
    how = (
        f"F1 on {report.file}, {report.sentences} sentences; speed on {report.timed} of them, "
        f"median of {report.rounds} alternating rounds, {report.threads} threads"
    )
    print_whole(how, table)
