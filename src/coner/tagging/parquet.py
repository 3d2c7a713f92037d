"""Tag the rows of Parquet files: every row and column of the input is kept, and a column of predictions is added.

============  ======================  ===================================================================
column        holds                   column of predictions
============  ======================  ===================================================================
``tokens``    words, a list           ``ner_tags``: strings, one per word
``text``      a string                ``entities``: ``start``, ``end`` (characters), ``label``, ``score``
============  ======================  ===================================================================

If both are there, ``tokens`` is read. A column with the name of the predictions is replaced. A null is not tagged and
stays null; an empty list or text has an empty list of predictions. Linked entities also have a ``kb_id``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.tags import tags_from_entities
from coner.core.types import Sentence
from coner.data.reading.tables import LABEL_COLUMN, TOKENS, ParquetRows
from coner.data.reading.words import character_span
from coner.families.tagger import Prediction, Tagger
from coner.tagging.job import TaggingJob
from coner.tagging.slices import Slice
from coner.tagging.stream import Tally, tag_corpus


def tag_rows(tagger: Tagger, piece: Slice, job: TaggingJob, out: Path) -> tuple[Tally, int, int]:
    """Tag the rows of a slice into a file.

    Returns:
        The tally, and the numbers of repairs and of rows left untagged in the input.

    Raises:
        DataError: the file is damaged, or a row has an empty word.
        OutputError: the file cannot be written.
    """
    from pyarrow import parquet

    rows = _Rows(piece, job)
    tally = tag_corpus(tagger, rows.sentences(), rows.add)
    with atomic_write(out, "wb") as handle:
        parquet.write_table(rows.table(), handle)
    return tally, 0, rows.skipped


def join_rows(files: Sequence[Path], out: Path) -> None:
    """Write the rows of several files into one; only one of them is in memory at a time."""
    from pyarrow import parquet

    with parquet.ParquetWriter(out, parquet.read_schema(files[0])) as writer:
        for file in files:
            writer.write_table(parquet.read_table(file))


class _Rows:
    def __init__(self, piece: Slice, job: TaggingJob) -> None:
        self.skipped = 0  # rows left untagged because a word is empty
        self._piece, self._job = piece, job
        self._file = ParquetRows(piece.path)
        if job.options.get("link") and self._file.column == TOKENS:
            got = "--link: got a column tokens, whose tags have no place for ids"
            raise DataError(f"{got}; expected a column text. Fix: convert the file to JSONL", piece.path)
        self._batches: list[Any] = []
        self._predicted: list[Any] = []  # of each row that has been read; ``None`` if it is null or left untagged

    def sentences(self) -> Iterator[Sentence]:
        # The ``line`` of a sentence is its row in the file, from 1.
        for batch in self._file.batches(self._piece.start, self._piece.stop):
            cells = self._file.cells(batch)
            first = self._piece.start + len(self._predicted) + 1
            self._batches.append(batch)
            self._predicted += [None if cell is None else [] for cell in cells]
            for number, cell in enumerate(cells, first):
                try:
                    sentence = self._file.sentence(cell, number)
                except ValueError as error:
                    if not self._job.reading.get("repair"):
                        fix = "Fix: correct it, or leave the row untagged with --repair"
                        raise DataError(f"row {number}: {error}. {fix}", self._piece.path) from None
                    self._put(number, None)
                    self.skipped += 1
                    continue
                if sentence is not None:
                    yield sentence

    def add(self, predictions: Iterator[Prediction]) -> None:
        for prediction in predictions:
            self._put(prediction.sentence.line, self._cell(prediction))

    def table(self) -> Any:
        import pyarrow as pa

        rows = pa.Table.from_batches(self._batches, self._file.schema)
        name = LABEL_COLUMN[self._file.column]
        span = {"start": pa.int64(), "end": pa.int64(), "label": pa.string(), "score": pa.float64()}
        if self._job.options.get("link"):
            span["kb_id"] = pa.string()
        item = pa.string() if self._file.column == TOKENS else pa.struct(list(span.items()))
        column = pa.array(self._predicted, pa.list_(item))
        index = rows.schema.get_field_index(name)
        return rows.append_column(name, column) if index < 0 else rows.set_column(index, name, column)

    def _cell(self, prediction: Prediction) -> list[Any]:
        sentence, entities = prediction.sentence, prediction.entities or ()
        if self._file.column == TOKENS:
            return tags_from_entities(entities, len(sentence), self._job.write)
        spans = [character_span(entity, sentence.offsets) for entity in entities]
        cells: list[Any] = []
        for (start, end), entity in zip(spans, entities, strict=True):
            link = {"kb_id": entity.kb_id or None} if self._job.options.get("link") else {}
            cells.append({"start": start, "end": end, "label": entity.label, "score": float(entity.score), **link})
        return cells

    def _put(self, number: int, cell: list[Any] | None) -> None:
        self._predicted[number - self._piece.start - 1] = cell
