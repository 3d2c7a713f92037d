"""One slice tagged, on whatever machine: the same readers and writers as for a whole file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.types import Sentence
from coner.data import ConllLayout, Reader, write_conll
from coner.data.formats.jsonl import write_jsonl
from coner.families.chunks import chunks
from coner.families.tagger import Tagger
from coner.tagging.slices import Job, Slice, look_of, told

BLOCK = 1 << 20


def tag_slice(tagger: Tagger, job: Job, piece: Slice, part: str) -> dict[str, int]:
    """Write a slice's output, and then its counts beside it: whoever comes later finds it done.

    Args:
        tagger: of the job's model.
        job: how to read and write.
        piece: what to tag.
        part: the file to write. A slice that is done twice, by a worker that was thought dead, is written twice to the
            same bytes.

    Returns:
        ``sentences``, ``entities``, ``repaired`` and ``skipped`` in the input, ``tags`` repaired.

    Raises:
        DataError: with the file as the user named it, and its own line.
        OutputError: the part cannot be written.
    """
    before = tagger.repaired
    try:
        if piece.form == "datasets":
            from coner.tagging.parquet import tag_rows

            counts = tag_rows(tagger, piece, job, Path(part))
        else:
            counts = _tag_text(tagger, piece, job, Path(part))
    except DataError as error:
        after = 0 if piece.whole or error.line is None else _lines_before(piece)
        raise told(error, piece.path, piece.shown, after=after) from None
    counts["tags"] = tagger.repaired - before
    with atomic_write(counts_of(part)) as handle:
        json.dump(counts, handle)
    return dict(counts)


def counts_of(part: str) -> Path:
    """The file that says that a part is done."""
    return Path(f"{part}.json")


def _tag_text(tagger: Tagger, piece: Slice, job: Job, part: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    reader = job.reader(piece.path, piece.form)
    if not piece.whole:
        look = look_of(piece.path, job) if piece.form == "conll" else None
        reader.narrow(piece.start, piece.stop, look[0] if look else None)
    with atomic_write(part) as handle:
        sentences = _tagged(tagger, reader, counts)
        if piece.form == "jsonl":
            write_jsonl(sentences, handle)
        else:
            # A later slice begins with the end of the line before it; none but the last ends its own last line.
            write_conll(sentences, handle, lambda: _look(reader, piece), job.write, written=int(piece.start > 0))
    counts.update(repaired=reader.repaired, skipped=reader.skipped)
    return counts


def _look(reader: Reader, piece: Slice) -> ConllLayout:
    look = reader.layout or ConllLayout()
    return look if piece.last else replace(look, ending="", final_newline=False)


def _tagged(tagger: Tagger, reader: Reader, counts: Counter[str]) -> Iterator[Sentence]:
    for chunk in chunks(tagger, reader):
        for sentence, found in zip(chunk, tagger.tag(chunk), strict=True):
            yield replace(sentence, entities=tuple(found))
            counts["entities"] += len(found)
        counts["sentences"] += len(chunk)


def _lines_before(piece: Slice) -> int:
    """Lines of the file before the slice: only a fault needs to know."""
    lines, left = 0, piece.start
    with Path(piece.path).open("rb") as handle:
        while left and (block := handle.read(min(BLOCK, left))):
            lines += block.count(b"\n")
            left -= len(block)
    return lines
