"""Parquet, a row a sentence: every row of the input is a row of the output, with its other columns as they are.

============  ======================  ===================================================================
column        holds                   the output's column of predictions
============  ======================  ===================================================================
``tokens``    words, a list           ``ner_tags``: a tag a word, strings
``text``      a string                ``entities``: ``start``, ``end`` (characters), ``label``, ``score``
============  ======================  ===================================================================

Where both are there, ``tokens`` count. A column that has the predictions' name is replaced. A null is not tagged, but
stays null; an empty list or text has an empty list of predictions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from coner.core.errors import DataError, MissingExtra
from coner.core.files import atomic_write
from coner.core.tags import tags_from_entities
from coner.core.types import Entity, Sentence
from coner.data.reading.words import character_span, sentence_from_text
from coner.families.tagger import Prediction, Tagger
from coner.tagging.job import Job
from coner.tagging.slices import Slice
from coner.tagging.stream import tag_corpus

TOKENS, TAGS, TEXT, ENTITIES = "tokens", "ner_tags", "text", "entities"
BATCH = 1000  # rows decoded at a time


def count_rows(path: Path) -> tuple[int, int]:
    """Rows of a file, and about how many bytes they are once unpacked; ``DataError`` where it has no such column."""
    file = _open(path)
    _column(file, path)
    meta = file.metadata
    return meta.num_rows, sum(meta.row_group(index).total_byte_size for index in range(meta.num_row_groups))


def tag_rows(tagger: Tagger, piece: Slice, job: Job, part: Path) -> Counter[str]:
    """Tag the rows of a slice; how many sentences, entities and so on there were.

    Raises:
        DataError: the file is damaged, or a row holds no words.
        OutputError: the part cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows = _Rows(piece, job)

    def keep(predictions: Iterator[Prediction]) -> None:
        for prediction in predictions:
            rows.keep(prediction.sentence, prediction.entities or ())

    tally = tag_corpus(tagger, rows.sentences(), keep)
    table = pa.Table.from_batches(rows.batches, rows.file.schema_arrow)
    target = TAGS if rows.name == TOKENS else ENTITIES
    made = pa.array(rows.predicted, _kind(rows.name))
    at = table.schema.get_field_index(target)
    table = table.append_column(target, made) if at < 0 else table.set_column(at, target, made)
    with atomic_write(part, "wb") as handle:
        parquet.write_table(table, handle)
    return Counter(sentences=tally.sentences, entities=tally.entities, tags=tally.repaired, **rows.counts)


def join_rows(parts: Sequence[Path], out: Path) -> None:
    """Write the rows of one file behind those of another; of one part at a time in memory."""
    from pyarrow import parquet

    with parquet.ParquetWriter(out, parquet.read_schema(parts[0])) as writer:
        for part in parts:
            writer.write_table(parquet.read_table(part))


def _open(path: Path) -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("Parquet", "datasets") from None
    try:
        return parquet.ParquetFile(path)
    except Exception as error:  # whatever the library meets in files that are none of its own
        raise _unreadable(error, path) from None


def _unreadable(error: Exception, path: str | Path) -> DataError:
    return DataError(f"cannot be read: {type(error).__name__}: {error}; expected a Parquet file", path)


def _column(file: Any, path: str | Path) -> str:
    """The one that holds the words."""
    from pyarrow import types

    schema = file.schema_arrow
    name = next((name for name in (TOKENS, TEXT) if name in schema.names), None)
    if name is None:
        raise DataError(f"has no column {TOKENS!r} or {TEXT!r}, but {', '.join(schema.names) or 'none at all'}", path)
    if schema.names.count(name) > 1:
        raise DataError(f"has several columns {name!r}; expected one", path)
    kind = schema.field(name).type
    if name == TOKENS:
        lists = types.is_list(kind) or types.is_large_list(kind)
        kind = kind.value_type if lists else None
    if types.is_dictionary(kind) if kind is not None else False:
        kind = kind.value_type
    if kind is None or not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)):
        expected = "lists of strings" if name == TOKENS else "strings"
        raise DataError(f"column {name!r} is of type {schema.field(name).type}; expected {expected}", path)
    return name


def _kind(name: str) -> Any:
    """Of the predictions."""
    import pyarrow as pa

    if name == TOKENS:
        return pa.list_(pa.string())
    span = {"start": pa.int64(), "end": pa.int64(), "label": pa.string(), "score": pa.float64()}
    return pa.list_(pa.struct(list(span.items())))


class _Rows:
    """The rows of a slice: as they are read, and what is predicted for them.

    Attributes:
        batches: the rows read so far, as they are.
        predicted: a cell for each of them, ``None`` or empty until it is told.
        counts: of sentences, entities, and rows left untagged.
    """

    def __init__(self, piece: Slice, job: Job) -> None:
        self.file = _open(Path(piece.path))
        self.name = _column(self.file, piece.path)
        self.batches: list[Any] = []
        self.predicted: list[Any] = []
        self.counts: Counter[str] = Counter()
        self._piece = piece
        self._job = job

    def sentences(self) -> Iterator[Sentence]:
        """Those of the rows that have words; ``line`` is the row of the file, from 1."""
        for batch in _batches(self.file, self._piece):
            try:
                cells = batch.column(self.name).to_pylist()
            except Exception as error:  # not UTF-8
                raise _unreadable(error, self._piece.path) from None
            first = self._piece.start + len(self.predicted) + 1
            self.batches.append(batch)
            self.predicted += [None if cell is None else [] for cell in cells]
            for number, cell in enumerate(cells, first):
                if cell and (sentence := self._sentence(cell, number)) is not None:
                    yield sentence

    def _sentence(self, cell: Any, number: int) -> Sentence | None:
        if self.name == TEXT:
            return None if cell.isspace() else sentence_from_text(cell, line=number)
        if all(cell):
            return Sentence(tuple(cell), line=number)
        if not self._job.repair:
            message = f"row {number}: {TOKENS} has an empty word; correct it, or leave it untagged with --repair"
            raise DataError(message, self._piece.path)
        self._put(number, None)
        self.counts["skipped"] += 1
        return None

    def keep(self, sentence: Sentence, found: Sequence[Entity]) -> None:
        """Note what was found in a sentence of these."""
        if self.name == TOKENS:
            self._put(sentence.line, tags_from_entities(found, len(sentence), self._job.write))
            return
        spans = [character_span(entity, sentence.offsets) for entity in found]
        self._put(
            sentence.line,
            [
                {"start": start, "end": end, "label": entity.label, "score": float(entity.score)}
                for (start, end), entity in zip(spans, found, strict=True)
            ],
        )

    def _put(self, number: int, cell: Any) -> None:
        self.predicted[number - self._piece.start - 1] = cell


def _batches(file: Any, piece: Slice) -> Iterator[Any]:
    """The rows of a slice; groups that lie outside are not read."""
    groups: list[int] = []
    at = first = 0
    for index in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(index).num_rows
        if at + rows > piece.start and at < piece.stop:
            first = first if groups else at
            groups.append(index)
        at += rows
    at = first
    try:
        for batch in file.iter_batches(BATCH, row_groups=groups):
            low, high = max(piece.start - at, 0), min(piece.stop - at, len(batch))
            at += len(batch)
            if low < high:
                yield batch.slice(low, high - low)
            if at >= piece.stop:
                break
    except Exception as error:  # damaged in the middle
        raise _unreadable(error, piece.path) from None
