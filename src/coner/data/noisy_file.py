"""A noisy copy of a CoNLL or JSONL file, edited line by line: what is not noisy stays the same, byte for byte.

Writing it from sentences would regularize an irregular file, write ``iob1`` in another scheme, and lose what JSONL
holds besides the sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Unpack

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.opening import open_bytes, raw_lines
from coner.data.corpus import stream
from coner.data.files import detect, keep_apart
from coner.data.formats import Edit, all_formats, formats
from coner.data.noise import TYPES, Noise, retype
from coner.data.reading.layout import ConllLayout
from coner.data.reading.reader import Reader, ReadOptions


def write_noisy(
    source: Path, out: Path, noise: Noise, *, format: str = "auto", **options: Unpack[ReadOptions]
) -> dict[str, Any]:
    """Write a noisy copy of a CoNLL or JSONL file, also gzip, in constant memory; it has the same format.

    The copy keeps faults; but in a line with a typo, bytes that are not UTF-8 become U+FFFD. Returns counts, ready for
    JSON. ``DataError`` if the source is faulty, or has no labels where noise needs them.
    """
    if str(source) == "-" or (source.exists() and not source.is_file() and not source.is_dir()):
        raise DataError("is a pipe or device, which cannot be read twice; expected a file", source)
    format = detect(source) if format == "auto" else format
    if not formats[format].editable:
        editable = " or ".join(format.name for format in all_formats() if format.editable)
        raise DataError(f"got {format}; expected {editable}. Fix: convert it with coner convert", source)
    keep_apart(source, out)
    reader, counts = stream(source, format=format, **options), Counter[str]()
    edits = _edits(reader, format, noise, counts, options.get("comment"))
    none: Edit = (0, str)
    with atomic_write(out, "wb") as handle, open_bytes(source) as lines:
        at, edit = next(edits, none)
        for number, line in enumerate(raw_lines(lines, source), 1):
            if number == at:
                handle.write(_edited(line.decode(errors="replace"), edit, reader.layout))
                at, edit = next(edits, none)
            else:
                handle.write(line)
    return {
        **{name: counts[name] for name in ("sentences", "words", "noisy", "spared")},  # spared: no word qualifies
        "in_mentions": None if counts["without labels"] else counts["in mentions"],  # words with a typo
        "repaired": reader.repaired,
        "skipped": reader.skipped,
        "kinds": {type: counts[type] for type in TYPES},  # words with a typo
    }


def _edits(reader: Reader, format: str, noise: Noise, counts: Counter[str], comment: str | None) -> Iterator[Edit]:
    for sentence in reader:
        try:
            typos = noise.typos(sentence)
        except ValueError:
            message = f"--where {noise.where}: got no labels; expected gold labels. Fix: add them, or use --where both"
            raise DataError(message, reader.path, sentence.line) from None
        if reader.layout and comment and typos:  # a line that starts with the mark would be a header
            typos = [typo for typo in typos if not typo.word.startswith(comment)]
        counts.update(typo.type for typo in typos or ())
        counts.update(sentences=1, words=len(sentence), noisy=bool(typos), spared=typos == [])
        counts["without labels"] += sentence.entities is None
        inside = {i for entity in sentence.entities or () for i in range(entity.start, entity.end)}
        counts["in mentions"] += sum(typo.index in inside for typo in typos or ())
        if typos:
            yield from formats[format].edits(sentence, retype(sentence, typos))


def _edited(line: str, edit: Callable[[str], str], layout: ConllLayout | None) -> bytes:
    mark = "\ufeff" if line.startswith("\ufeff") else ""
    body = line.removesuffix("\n").removesuffix("\r").removeprefix(mark)
    start, end = (0, len(body)) if layout is None else layout.word_span(body)
    edited = body[:start] + edit(body[start:end]) + body[end:]
    # JSON may hold a lone surrogate: it is written as it was, as an escape.
    return (mark + edited + line[len(mark + body) :]).encode(errors="backslashreplace")
