"""One slice tagged, on whatever machine: the same readers and writers as for a whole file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.data import ConllLayout, Reader
from coner.data.formats import WriteOptions, formats
from coner.families.tagger import Prediction, Tagger
from coner.tagging.file import labelled
from coner.tagging.job import Job
from coner.tagging.slices import Slice, look_of, told
from coner.tagging.stream import Tally, tag_corpus

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
    try:
        if piece.form == "datasets":
            from coner.tagging.parquet import tag_rows

            counts = tag_rows(tagger, piece, job, Path(part))
        else:
            counts = _tag_text(tagger, piece, job, Path(part))
    except DataError as error:
        after = 0 if piece.whole or error.line is None else _lines_before(piece)
        raise told(error, piece.path, piece.shown, after=after) from None
    with atomic_write(counts_of(part)) as handle:
        json.dump(counts, handle)
    return dict(counts)


def counts_of(part: str) -> Path:
    """The file that says that a part is done."""
    return Path(f"{part}.json")


def _tag_text(tagger: Tagger, piece: Slice, job: Job, part: Path) -> Counter[str]:
    reader = job.reader(piece.path, piece.form)
    if not piece.whole:
        look = look_of(piece.path, job) if piece.form == "conll" else None
        reader.narrow(piece.start, piece.stop, look[0] if look else None)
    with atomic_write(part) as handle:

        def write(predictions: Iterator[Prediction]) -> None:
            # A later slice begins with the end of the line before it; only the last one ends its own last line.
            how = WriteOptions(lambda: _layout(reader, piece), job.write, int(piece.start > 0))
            formats[piece.form].write_text(map(labelled, predictions), handle, how)

        tally = tag_corpus(tagger, reader, write)
    return slice_counts(tally, repaired=reader.repaired, skipped=reader.skipped)


def slice_counts(tally: Tally, *, repaired: int, skipped: int) -> Counter[str]:
    """What is kept of a slice beside its output."""
    return Counter(
        sentences=tally.sentences, entities=tally.entities, tags=tally.repaired, repaired=repaired, skipped=skipped
    )


def _layout(reader: Reader, piece: Slice) -> ConllLayout:
    layout = reader.layout or ConllLayout()
    return layout if piece.last else replace(layout, ending="", final_newline=False)


def _lines_before(piece: Slice) -> int:
    """Lines of the file before the slice: only a fault needs to know."""
    lines, left = 0, piece.start
    with Path(piece.path).open("rb") as handle:
        while left and (block := handle.read(min(BLOCK, left))):
            lines += block.count(b"\n")
            left -= len(block)
    return lines
