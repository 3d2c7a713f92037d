"""A noisy copy of a CoNLL or JSONL file, edited line by line: what is not noisy stays the same, byte for byte.

Writing it from sentences would regularize an irregular file, write ``iob1`` in another scheme, and lose what JSONL
holds besides the sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.lines import open_bytes
from coner.core.types import Sentence
from coner.data.corpus import stream
from coner.data.detect import detect
from coner.data.files import keep_apart
from coner.data.formats import Edit, all_formats, formats
from coner.data.noise import TYPES, Noise, Typo, retype
from coner.data.reading.reader import Reader, ReadOptions


@dataclass
class NoiseCounts:
    """Counts of the noise in a file."""

    sentences: int = 0
    words: int = 0
    noisy: int = 0  # sentences with a typo
    spared: int = 0  # sentences that were chosen, but have no word that qualifies
    in_mentions: int | None = 0  # words of mentions with a typo; ``None`` if a sentence has no labels
    # Faults of the file, which the copy keeps; but in a line with a typo, bytes that are not UTF-8 become U+FFFD.
    repaired: int = 0
    skipped: int = 0
    kinds: dict[str, int] = field(default_factory=lambda: dict[str, int](dict.fromkeys(TYPES, 0)))  # typos by type

    def add(self, sentence: Sentence, typos: list[Typo] | None) -> None:
        """Count one sentence."""
        self.sentences += 1
        self.words += len(sentence)
        self.noisy += bool(typos)
        self.spared += typos == []
        for typo in typos or ():
            self.kinds[typo.type] += 1
        if sentence.entities is None:
            self.in_mentions = None
        elif self.in_mentions is not None:
            self.in_mentions += sum(e.start <= t.index < e.end for t in typos or () for e in sentence.entities)


def write_noisy(
    source: Path, out: Path, noise: Noise, *, format: str = "auto", **options: Unpack[ReadOptions]
) -> NoiseCounts:
    """Write a noisy copy of a CoNLL or JSONL file, also gzip, in constant memory; it has the same format.

    ``format`` and ``options`` are of the source, as for ``coner.data.stream``.

    Raises:
        DataError: the source is faulty, neither CoNLL nor JSONL, no file, or has no labels where noise needs them.
        OutputError: ``out`` is the source, or cannot be written.
    """
    if str(source) == "-" or (source.exists() and not source.is_file() and not source.is_dir()):
        raise DataError("is a pipe or device, which cannot be read twice; expected a file", source)
    format = detect(source) if format == "auto" else format
    if not formats[format].editable:
        editable = " or ".join(format.name for format in all_formats() if format.editable)
        raise DataError(f"got {format}; expected {editable}. Fix: convert it with coner convert", source)
    keep_apart(source, out)
    reader, counts = stream(source, format=format, **options), NoiseCounts()
    edits = _edits(reader, format, noise, counts, options.get("comment"))
    none: Edit = (0, str)
    with atomic_write(out, "wb") as handle, open_bytes(source) as lines:
        at, edit = next(edits, none)
        for number, line in enumerate(lines, 1):
            if number == at:
                handle.write(_edited(line.decode(errors="replace"), edit))
                at, edit = next(edits, none)
            else:
                handle.write(line)
    counts.repaired, counts.skipped = reader.repaired, reader.skipped
    return counts


def _edits(reader: Reader, format: str, noise: Noise, counts: NoiseCounts, comment: str | None) -> Iterator[Edit]:
    for sentence in reader:
        try:
            typos = noise.typos(sentence)
        except ValueError:
            message = f"--where {noise.where}: got no labels; expected gold labels. Fix: add them, or use --where both"
            raise DataError(message, reader.path, sentence.line) from None
        if reader.layout and comment and typos:  # a line that starts with the mark would be a header
            typos = [typo for typo in typos if not typo.word.startswith(comment)]
        counts.add(sentence, typos)
        if typos:
            yield from formats[format].edits(sentence, retype(sentence, typos))


def _edited(line: str, edit: Callable[[str], str]) -> bytes:
    mark = "\ufeff" if line.startswith("\ufeff") else ""
    body = line.removesuffix("\n").removesuffix("\r")
    # JSON may hold half of a surrogate pair: it is written as it was, as an escape.
    return (mark + edit(body.removeprefix(mark)) + line[len(body) :]).encode(errors="backslashreplace")
