"""``coner export``: a trained encoder as a model that needs no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coner.cli.model import model as model_folder

if TYPE_CHECKING:
    from coner.families.onnx.export.check import Judgement


def export(
    model: Annotated[
        Path, typer.Argument(parser=model_folder, metavar="RUN", help="Folder of a trained encoder, or hf://user/name.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the exported model; must not hold one.")],
    onnx: Annotated[
        bool, typer.Option("--onnx", help="To ONNX: has to be said, though it is the one form so far.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Weights as 8-bit integers: a third or a quarter of the size.")
    ] = False,
    dev: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Validation file, read as in training; none: the one that the run had."),
    ] = None,
    max_drop: Annotated[
        float, typer.Option(min=0, help="Most points (of 100) of micro or macro F1 on it that may be lost.")
    ] = 0.3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, F1 in fractions of 1.")] = False,
) -> None:
    """Export a trained encoder to a model folder that runs without torch, and without transformers.

    The exported model is scored on the validation file and timed beside the trained one before it is accepted. If it
    loses more than --max-drop, nothing is written, and the exit code is 2.

    The folder is a model as any other, for coner tag, coner evaluate and coner.load: pip install 'coner[onnx]'

    Examples:

      coner export runs/paper --onnx -o models/paper

      coner export runs/paper --onnx --int8 --dev dev.conll -o models/paper-int8
    """
    from coner.core.errors import ConfigError, MissingExtra

    if not onnx:
        raise ConfigError("coner export: no form is named; expected --onnx")
    try:
        from coner.families.onnx.export.run import export as export_run
    except ModuleNotFoundError:
        raise MissingExtra("coner export", "export") from None
    judgement = export_run(model, out, dev=dev, int8=int8, max_drop=max_drop)
    if as_json:
        typer.echo(json.dumps(judgement.as_dict(), ensure_ascii=False, indent=2))
    else:
        _show(judgement)


def _show(judgement: Judgement) -> None:
    from rich import box
    from rich.table import Table

    from coner.report.terminal import print_whole

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("", "sentences/s", "MB", "micro F1", "macro F1"):
        table.add_column(title, justify="right" if title else "left", no_wrap=True)
    for name, side in (("before", judgement.before), ("after", judgement.after)):
        rates = (f"{side.micro_f1:.4f}", f"{side.macro_f1:.4f}")
        table.add_row(f"{name}: {side.what}", f"{side.sentences_per_second:.0f}", f"{side.bytes / 1e6:.1f}", *rates)
    how = (
        f"F1 on {judgement.file}, {judgement.sentences} sentences; speed on {judgement.timed} of them, by turns, "
        f"median of {judgement.rounds} rounds, threads: {judgement.threads}"
    )
    print_whole(how, table)
