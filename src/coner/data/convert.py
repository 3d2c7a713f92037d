"""Conversion of data from one format to another, with a report of what was kept, repaired, skipped and lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from coner.core.errors import DataError
from coner.core.tags import Scheme
from coner.core.types import Sentence
from coner.data.corpus import stream
from coner.data.files import detect, keep_apart, output_format
from coner.data.formats import WriteOptions, formats
from coner.data.reading.reader import ReadOptions
from coner.data.reading.renaming import rename_options

OTHER = ("repaired", "unreadable", "converted")  # faults after which no entity is left out


def convert(
    source: str,
    out: Path,
    *,
    format: str = "auto",
    to: str = "auto",
    write_scheme: Scheme = "iob2",
    as_predictions: bool = False,
    **options: Unpack[ReadOptions],
) -> dict[str, Any]:
    """Convert a file or folder (``-``: standard input) from one format to another; ``auto``: by name and content.

    ``options`` say how to read. With ``repair`` sentences that the output cannot hold are left out and counted. Label
    Studio gets predictions instead of annotations ``as_predictions``, and also if an entity has a score.

    Returns the report, ready for JSON.

    Raises:
        DataError: the input is faulty, or the output format cannot hold a sentence, or any sentence.
        MissingExtra: the library of a format is not installed.
        OutputError: the output is a file of the source, or cannot be written.
    """
    to = output_format(out, to)
    keep_apart(source, *([] if out.is_dir() else formats[to].files(out)))
    format = detect(source) if format == "auto" else format
    faults: list[tuple[int, str]] = []
    options["on_fault"] = lambda number, message: faults.append((number, message))
    reader = stream(source, format=format, **options)
    sentences = list(reader)
    labelled = any(sentence.entities is not None for sentence in sentences)
    fitting, unfit = list[Sentence](), list[Sentence]()
    write = WriteOptions(reader.layout, write_scheme, predicted=as_predictions)
    for sentence in sentences:
        reason = formats[to].unfit(sentence, labelled=labelled, options=write)
        (fitting if reason is None else unfit).append(sentence)
        if reason is not None:
            message = f"a sentence cannot be written as {to}: {reason}"
            if not options.get("repair"):
                raise reader.error(sentence.line, f"{message}. Fix: {_advice(to, sentences)}")
            faults.append((sentence.line, message))
    if not fitting:
        raise DataError(f"got no sentence that can be written as {to}", source)
    lost = formats[to].write(fitting, out, write)
    counts, unwritten, snapped = _counts(sentences), _counts(unfit), reader.faults["snapped"]
    refused = {fault: count for fault, count in sorted(reader.faults.items()) if fault not in (*OTHER, "snapped")}
    return {
        "input": {"file": source, "format": format, **counts},
        "output": {"file": str(out), "format": to, **_counts(fitting)},
        "entities": {
            "kept": max(0, counts["entities"] - unwritten["entities"] - snapped),
            "snapped": snapped,
            "refused": refused,
        },
        **{fault: reader.faults[fault] for fault in OTHER},
        "unwritten": unwritten,
        "not_read": dict(sorted((+reader.ignored).items())),  # by coner
        "not_held": dict(sorted(lost.items())),  # by the format of the output
        "notes": reader.notes,
        "faults": [{reader.unit: number, "message": message} for number, message in faults],
    }


def _advice(to: str, sentences: Sequence[Sentence]) -> str:
    """What to do about a sentence that a format cannot hold."""
    labels = {entity.label for sentence in sentences for entity in sentence.entities or ()}
    bad = formats[to].bad_label
    unfit = [label for label in labels if bad is not None and bad.search(label)]
    return f"{rename_options(unfit, labels)}, or write JSONL" if unfit else "write JSONL, or leave it out with --repair"


def _counts(sentences: Sequence[Sentence]) -> dict[str, int]:
    entities = sum(len(sentence.entities or ()) for sentence in sentences)
    return {"sentences": len(sentences), "words": sum(map(len, sentences)), "entities": entities}
