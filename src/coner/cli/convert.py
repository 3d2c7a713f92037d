"""``coner convert``: data from one format to another, and what was lost on the way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from coner.core.types import Sentence
    from coner.data import Reader

SHOWN = 5  # faults: the rest is in --json
OTHER = ("mended", "unreadable", "counted anew")  # faults that are no fate of an entity
FormatChoice = Literal["auto", "conll", "jsonl", "text", "brat", "labelstudio", "spacy", "datasets"]


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A file or folder of any format; - is stdin.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A file; for brat and datasets a folder too.")],
    *,
    kind: Annotated[
        FormatChoice, typer.Option("--format", "--from", help="What IN is; auto: by its name, then its content.")
    ] = "auto",
    to: Annotated[FormatChoice, typer.Option("--to", help="What to write; auto: by the name of OUT.")] = "auto",
    scheme: Annotated[
        Literal["iob2", "iob1", "bioes"], typer.Option(help="How mentions are written in CoNLL and datasets of IN.")
    ] = "iob2",
    write_scheme: Annotated[
        Literal["iob2", "bioes"], typer.Option("--tags", help="How to write mentions in CoNLL and datasets.")
    ] = "iob2",
    comment: Annotated[
        str | None, typer.Option(metavar="MARK", help="Lines of CoNLL that begin with it are headers too.")
    ] = None,
    words: Annotated[
        Literal["coner", "spaces"],
        typer.Option(help="How text is cut into words: by coner's own rules, or at white space only."),
    ] = "coner",
    repair: Annotated[
        bool, typer.Option(help="Snap entities to words, leave out what cannot be kept, and count it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object, with every fault.")] = False,
) -> None:
    """Convert data between formats, with a report of what was kept, mended, left out, and what OUT cannot hold.

    Examples:

      coner convert annotated/ train.conll --repair

      coner convert train.conll tasks.json --to labelstudio

      coner convert train.conll train.spacy
    """
    from coner.data import detect, stream
    from coner.data.convert import write
    from coner.data.files import PAIR, keep_apart

    target = _target(out, to)
    pair = target == "brat" and out.suffix in PAIR
    keep_apart(source, *map(out.with_suffix, PAIR) if pair else [out])
    known: str = detect(source) if kind == "auto" else kind
    faults: list[tuple[int, str]] = []

    def note(number: int, message: str) -> None:
        faults.append((number, message))

    reader = stream(source, format=known, scheme=scheme, comment=comment, words=words, repair=repair, on_fault=note)
    read = list(reader)
    fitting, unwritten = _fitting(read, target, reader, faults, repair=repair)
    lost = write(fitting, out, target, look=reader.layout, scheme=write_scheme)
    report = {
        "input": {"file": source, "format": known, **_counts(read)},
        "output": {"file": str(out), "format": target, **_counts(fitting)},
        "entities": _fates(reader, read),
        **{fate: reader.fates[fate] for fate in OTHER},
        "unwritten": _counts(unwritten),
        "not_read": dict(sorted((+reader.unread).items())),
        "not_held": dict(sorted((+lost).items())),
        "faults": [{reader.unit: number, "message": message} for number, message in faults],
    }
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _show(report, faults, reader.unit)


def _target(out: Path, to: FormatChoice) -> str:
    from coner.core.errors import OutputError
    from coner.data import format_of_name

    if str(out) == "-":
        raise OutputError("-: expected the name of a file or folder to write, such as /dev/stdout")
    if to != "auto":
        return to
    if out.name.lower().removesuffix(".gz").endswith(".json"):
        raise OutputError(f"{out}: may be Label Studio or JSONL; say --to labelstudio or --to jsonl")
    if out.suffix == ".txt":
        return "text"
    if kind := format_of_name(out):
        return kind
    raise OutputError(
        f"{out}: the name tells no format; say --to conll, jsonl, text, brat, labelstudio, spacy or datasets"
    )


def _fitting(
    sentences: Sequence[Sentence], target: str, reader: Reader, faults: list[tuple[int, str]], *, repair: bool
) -> tuple[list[Sentence], list[Sentence]]:
    """Those that the target can hold, and, where that is allowed, those that it cannot."""
    from coner.core.errors import DataError
    from coner.data.convert import unfit

    labelled = any(sentence.entities is not None for sentence in sentences)
    fitting: list[Sentence] = []
    unwritten: list[Sentence] = []
    for sentence in sentences:
        if reason := unfit(sentence, target, labelled=labelled):
            message = f"a sentence cannot be written as {target}: {reason}"
            if not repair:
                raise reader.error(sentence.line, f"{message}; write JSONL, or leave it out with --repair")
            faults.append((sentence.line, message))
            unwritten.append(sentence)
        else:
            fitting.append(sentence)
    if not fitting:
        raise DataError(f"no sentence is left to write as {target}", reader.path)
    return fitting, unwritten


def _counts(sentences: Sequence[Sentence]) -> dict[str, int]:
    return {
        "sentences": len(sentences),
        "words": sum(map(len, sentences)),
        "entities": sum(len(sentence.entities or ()) for sentence in sentences),
    }


def _fates(reader: Reader, read: Sequence[Sentence]) -> dict[str, Any]:
    """What became of the entities that were met in what could be read: each has one fate."""
    snapped = reader.fates["snapped"]
    refused = {fate: count for fate, count in sorted(reader.fates.items()) if fate not in (*OTHER, "snapped")}
    return {"kept": _counts(read)["entities"] - snapped, "snapped": snapped, "refused": refused}


def _show(report: dict[str, Any], faults: list[tuple[int, str]], unit: str) -> None:
    from rich.table import Table

    from coner.core.progress import stderr

    source, target, entities = report["input"], report["output"], report["entities"]
    table = Table(show_header=False)
    for name, count in _rows(report, entities):
        table.add_row(name, f"{count:,}")
    counts = f"{target['sentences']:,} sentences, {target['entities']:,} entities"
    stderr.print(f"{source['file']} ({source['format']}) to {target['file']} ({target['format']}): {counts}")
    stderr.print(table)
    for number, message in faults[:SHOWN]:
        stderr.print(f"  {unit} {number}: {message}")
    if len(faults) > SHOWN:
        stderr.print(f"  ... and {len(faults) - SHOWN:,} more: --json has them all")


def _rows(report: dict[str, Any], entities: dict[str, Any]) -> list[tuple[str, int]]:
    rows = [("entities kept as they are", entities["kept"]), ("entities snapped to words", entities["snapped"])]
    rows += [(f"entities left out: {fate}", count) for fate, count in entities["refused"].items()]
    rows += [
        ("spans counted anew from UTF-16", report["counted anew"]),
        ("tags, lines or bytes mended", report["mended"]),
        ("lines, documents or tasks that could not be read", report["unreadable"]),
        (f"sentences that {report['output']['format']} cannot hold, left out", report["unwritten"]["sentences"]),
    ]
    rows += [(f"not read: {what}", count) for what, count in report["not_read"].items()]
    rows += [(f"{report['output']['format']} cannot hold: {what}", count) for what, count in report["not_held"].items()]
    return [rows[0], *(row for row in rows[1:] if row[1])]
