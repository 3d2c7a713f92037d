"""``coner convert``: convert data between formats, and report what was lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from coner.cli.options import FormatToWrite, HiddenFormat, InputFormat, reads
from coner.core.counted import counted
from coner.data.reading.reader import Reading

SHOWN = 5  # faults; --json has all


@reads
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="File or folder of any format; - is standard input.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; for brat and datasets also a folder.")],
    *,
    from_format: InputFormat = "auto",
    from_alias: HiddenFormat = None,
    to: Annotated[FormatToWrite, typer.Option("--to", help="Format of OUT; auto: by its name.")] = "auto",
    write_scheme: Annotated[Literal["iob2", "bioes"], typer.Option("--tags", help="Tag scheme to write.")] = "iob2",
    as_predictions: Annotated[
        bool, typer.Option("--as-predictions", help="Label Studio: write predictions, as for entities with scores.")
    ] = False,
    words: Annotated[Literal["coner", "spaces"], typer.Option(help="Split text by rules, or at spaces.")] = "coner",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report, with all faults, as JSON.")] = False,
    reading: Reading,
) -> None:
    """Convert data between formats, and report what was kept, repaired, left out, and what OUT cannot hold.

    Examples:

      coner convert annotated/ train.conll --repair

      coner convert train.conll tasks.json --to labelstudio

      coner convert train.conll train.spacy
    """
    from coner.data.convert import convert as run

    format = from_format if from_alias is None else from_alias
    write: Any = {"to": to, "write_scheme": write_scheme, "as_predictions": as_predictions}
    report = run(source, out, format=format, words=words, **write, **reading)
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _show(report)


def _show(report: dict[str, Any]) -> None:
    from rich.table import Table

    from coner.core.progress import stderr

    source, target, faults = report["input"], report["output"], report["faults"]
    counts = f"{counted(target['sentences'], 'sentence')}, {counted(target['entities'], 'entity', 'entities')}"
    stderr.print(f"{source['file']} ({source['format']}) to {target['file']} ({target['format']}): {counts}")
    for note in report["notes"]:
        stderr.print(f"  {note}")
    entities, to = report["entities"], target["format"]
    rows = {
        "entities kept as they are": entities["kept"],
        "entities extended to whole words": entities["snapped"],
        **{f"entities left out: {reason}": count for reason, count in entities["refused"].items()},
        "offsets converted to code points": report["converted"],
        "tags, lines or bytes repaired": report["repaired"],
        "lines, documents or tasks that could not be read": report["unreadable"],
        f"sentences that {to} cannot hold, left out": report["unwritten"]["sentences"],
        "entities of these sentences": report["unwritten"]["entities"],
        **{f"{to} cannot hold: {what}": count for what, count in report["not_held"].items()},
    }
    table = Table(show_header=False)
    for index, (name, count) in enumerate(rows.items()):
        if count or not index:
            table.add_row(name, f"{count:,}")
    stderr.print(table)
    for fault in faults[:SHOWN]:
        (unit, number), (_, message) = fault.items()
        stderr.print(f"  {unit} {number}: {message}")
    if len(faults) > SHOWN:
        stderr.print(f"  ... and {len(faults) - SHOWN:,} more: --json has them all")
