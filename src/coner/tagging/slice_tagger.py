"""Tag one slice of a file with the readers and writers of whole files, on any machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.data import ConllLayout
from coner.data.formats import WriteOptions, formats
from coner.families.tagger import Prediction, Tagger
from coner.tagging.file import labelled
from coner.tagging.job import TaggingJob
from coner.tagging.parquet import tag_rows
from coner.tagging.slices import Slice, first_gap, name_source
from coner.tagging.stream import CHANGES, Tally, tag_corpus

BLOCK = 1 << 20


def tag_slice(tagger: Tagger, job: TaggingJob, piece: Slice, out: str) -> dict[str, int]:
    """Tag a slice into a file, then write its counts beside that file, which mark it as finished.

    If Ray takes a worker for dead, its slice is tagged a second time, and the same bytes are written again.

    Returns:
        ``sentences``, ``entities``, ``repaired`` and ``skipped`` in the input; ``tags_repaired``
        in the predictions; ``below``, entities below the threshold of the model; ``linked``, and the ``CHANGES`` by
        rules.

    Raises:
        DataError: with the file as the user named it, and the line in it.
        OutputError: the file cannot be written.
    """
    try:
        tag = tag_rows if piece.format == "datasets" else _tag_text
        tally, repaired, skipped = tag(tagger, piece, job, Path(out))
    except DataError as error:
        before = 0 if piece.whole or error.line is None else _lines_before(piece)
        raise name_source(error, piece.path, piece.source, lines_before=before) from None
    counts = {"sentences": tally.sentences, "entities": tally.entities, "tags_repaired": tally.repaired}
    counts |= {"repaired": repaired, "skipped": skipped, "below": tally.below, "linked": tally.linked}
    counts |= {name: getattr(tally, name) for name in CHANGES}
    with atomic_write(counts_path(out)) as handle:
        json.dump(counts, handle)
    return counts


def counts_path(out: str) -> Path:
    """The file beside a tagged slice that marks it as finished."""
    return Path(f"{out}.json")


def _tag_text(tagger: Tagger, piece: Slice, job: TaggingJob, out: Path) -> tuple[Tally, int, int]:
    reader = job.reader(piece.path, piece.format)
    if not piece.whole:
        gap = first_gap(piece.path, job) if piece.format == "conll" else None
        reader.narrow(piece.start, piece.stop, gap[0] if gap else None)
    with atomic_write(out) as handle:

        def layout() -> ConllLayout:
            whole = reader.layout or ConllLayout()
            return whole if piece.last else replace(whole, ending="", final_newline=False)

        def write(predictions: Iterator[Prediction]) -> None:
            # A slice after the first starts with the end of the line before it; only the last one ends its last line.
            options = WriteOptions(layout, job.write, int(piece.start > 0))
            formats[piece.format].write_text(map(labelled, predictions), handle, options)

        tally = tag_corpus(tagger, reader, write)
    return tally, reader.repaired, reader.skipped


def _lines_before(piece: Slice) -> int:
    """Lines of the file before the slice; only an error needs them."""
    lines, left = 0, piece.start
    with Path(piece.path).open("rb") as handle:
        while left and (block := handle.read(min(BLOCK, left))):
            lines += block.count(b"\n")
            left -= len(block)
    return lines
