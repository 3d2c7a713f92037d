"""Conversion of data from one format to another, with a report of what was kept, repaired, skipped and lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

from coner.core.errors import DataError
from coner.core.types import Sentence
from coner.data.corpus import stream
from coner.data.detect import detect, output_format
from coner.data.files import keep_apart
from coner.data.formats import WriteOptions, formats
from coner.data.reading.reader import Reader, ReadOptions

OTHER = ("repaired", "unreadable", "converted")  # faults that do not decide about an entity


@dataclass
class Conversion:
    """What happened to the sentences and entities.

    Attributes:
        input, output: file, format, and counts of sentences, words and entities.
        entities: those that could be read: ``kept``, ``snapped`` to whole words, and ``refused`` by reason.
        faults: number and message of everything that was repaired or left out.
        unit: of the numbers of faults.
        by_type: counts of the faults that do not decide about an entity.
        unwritten: counts of the sentences that the output cannot hold.
        not_read, not_held: what the input has and coner does not read, and what the output cannot hold.
    """

    input: dict[str, Any]
    unit: str
    output: dict[str, Any] = field(default_factory=dict)
    entities: dict[str, Any] = field(default_factory=dict)
    by_type: dict[str, int] = field(default_factory=dict)
    unwritten: dict[str, int] = field(default_factory=dict)
    not_read: dict[str, int] = field(default_factory=dict)
    not_held: dict[str, int] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "input": self.input,
            "output": self.output,
            "entities": self.entities,
            **self.by_type,
            "unwritten": self.unwritten,
            "not_read": self.not_read,
            "not_held": self.not_held,
            "faults": [{self.unit: number, "message": message} for number, message in self.faults],
        }


def convert(
    source: str,
    out: Path,
    *,
    format: str = "auto",
    to: str = "auto",
    write_scheme: Any = "iob2",
    **options: Unpack[ReadOptions],
) -> Conversion:
    """Convert a file or folder.

    Args:
        source: ``-`` is standard input.
        out: to write; no file of the source.
        format, to: of input and output; ``auto``: by name and content.
        write_scheme: of tags in the output: iob2 or bioes.
        options: how to read. With ``repair`` sentences that the output cannot hold are left out and counted.

    Raises:
        ConfigError: there is no such format.
        DataError: the input is faulty, or the output format cannot hold a sentence, or any sentence.
        MissingExtra: the library of a format is not installed.
        OutputError: the output cannot be written.
    """
    to = output_format(out, to)
    keep_apart(source, *([] if out.is_dir() else formats[to].files(out)))
    format = detect(source) if format == "auto" else format
    faults: list[tuple[int, str]] = []
    options["on_fault"] = lambda number, message: faults.append((number, message))
    reader = stream(source, format=format, **options)
    sentences = list(reader)
    fitting, unfit = _fitting(sentences, to, reader, faults, repair=options.get("repair", False))
    lost = formats[to].write(fitting, out, WriteOptions(reader.layout, write_scheme))
    counts, snapped = _counts(sentences), reader.faults["snapped"]
    refused = {fault: count for fault, count in sorted(reader.faults.items()) if fault not in (*OTHER, "snapped")}
    return Conversion(
        input={"file": source, "format": format, **counts},
        unit=reader.unit,
        output={"file": str(out), "format": to, **_counts(fitting)},
        entities={"kept": counts["entities"] - snapped, "snapped": snapped, "refused": refused},
        by_type={fault: reader.faults[fault] for fault in OTHER},
        unwritten=_counts(unfit),
        not_read=dict(sorted((+reader.ignored).items())),
        not_held=dict(sorted(lost.items())),
        faults=faults,
    )


def _fitting(
    sentences: Sequence[Sentence], to: str, reader: Reader, faults: list[tuple[int, str]], *, repair: bool
) -> tuple[list[Sentence], list[Sentence]]:
    """The sentences that the output can hold, and, with ``repair``, those that it cannot."""
    labelled = any(sentence.entities is not None for sentence in sentences)
    fitting: list[Sentence] = []
    unfit: list[Sentence] = []
    for sentence in sentences:
        reason = formats[to].unfit(sentence, labelled=labelled)
        if reason is None:
            fitting.append(sentence)
            continue
        message = f"a sentence cannot be written as {to}: {reason}"
        if not repair:
            raise reader.error(sentence.line, f"{message}. Fix: write JSONL, or leave it out with --repair")
        faults.append((sentence.line, message))
        unfit.append(sentence)
    if not fitting:
        raise DataError(f"got no sentence that can be written as {to}", reader.path)
    return fitting, unfit


def _counts(sentences: Sequence[Sentence]) -> dict[str, int]:
    entities = sum(len(sentence.entities or ()) for sentence in sentences)
    return {"sentences": len(sentences), "words": sum(map(len, sentences)), "entities": entities}
