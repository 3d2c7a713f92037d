"""Tables with a row per sentence, from Hugging Face datasets, Parquet files or pandas frames.

Words are in the column ``tokens``, and tags (strings, or ids with known names) in ``ner_tags``; or, if there are no
``tokens``, in ``text``, and entities as in JSONL in ``entities``. A row whose labels are null has none.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from coner.core.bounds import check_ratio, line_bytes
from coner.core.counted import counted
from coner.core.errors import DataError, requires_extra
from coner.core.opening import open_descriptor
from coner.core.tags import OUTSIDE
from coner.core.types import Entity, Sentence
from coner.data.reading.delimited import plain_name
from coner.data.reading.keys import TAG_NAMES
from coner.data.reading.objects import ObjectReader
from coner.data.reading.spans import check_words
from coner.data.reading.words import sentence_from_text

TOKENS, TAGS, TEXT, ENTITIES, ID = "tokens", "ner_tags", "text", "entities", "id"
LABEL_COLUMN = {TOKENS: TAGS, TEXT: ENTITIES}
BATCH = 1000  # rows decoded at a time


def word_column(columns: Collection[str], path: str | Path) -> str:
    """The column that holds the words, ``tokens`` or ``text``; ``DataError`` if there is none."""
    if name := next((name for name in LABEL_COLUMN if name in columns), None):
        return name
    got = ", ".join(columns) or "none"
    raise DataError(f"got columns {got}; expected {TOKENS!r} and {TAGS!r}, or {TEXT!r} and {ENTITIES!r}", path)


class RowReader(ObjectReader):
    """Base class of the readers of tables."""

    unit = "row"
    expected = "a row per sentence"
    _tag_names: Sequence[str] | None = None  # if tags are ids

    def _columns(self, columns: Collection[str]) -> list[str]:
        """The columns to read; the others are counted as ignored."""
        words = word_column(columns, self.path)
        labels = LABEL_COLUMN[words]
        if self._gold and labels not in columns:
            raise DataError(f"got no column {labels!r}, but {', '.join(columns)}; expected gold labels", self.path)
        others = [name for name in columns if plain_name(name) in TAG_NAMES]
        if words == TOKENS and labels not in columns and others and not self._predicted:
            got = f"got tags in column {others[0]!r}, which is not read; expected {labels!r}"
            raise DataError(f"{got}. Fix: rename or remove it", self.path)
        wanted = [name for name in (ID, words, labels) if name in columns]
        self.ignored.update(f"column {name}" for name in columns if name not in wanted)
        return wanted

    def _row(self, row: Mapping[str, Any], number: int) -> Iterable[Sentence]:
        return [self._tagged_row(row, number)] if TOKENS in row else self._object(plain(row), number)

    def _tagged_row(self, row: Mapping[str, Any], number: int) -> Sentence:
        words, tags, id = row[TOKENS], row.get(TAGS), row.get(ID)
        check_words(TOKENS, words)
        if tags is None and self._gold:
            raise self.error(number, f"got no {TAGS}; expected gold labels")
        if tags is not None and (not isinstance(tags, list) or len(tags) != len(words)):
            got = len(tags) if isinstance(tags, list) else repr(tags)
            raise ValueError(f"got {got} {TAGS} for {counted(len(words), 'word')}; expected a tag per word")
        entities = None if tags is None else self._entities(tags, number)
        return Sentence(tuple(words), entities, None if id is None or not str(id) else str(id), line=number)

    def _entities(self, ids: list[Any], number: int) -> tuple[Entity, ...]:
        tags, names = [], self._tag_names
        for index, id in enumerate(ids, 1):
            tag = id if names is None else names[id] if isinstance(id, int) and 0 <= id < len(names) else None
            if not isinstance(tag, str):
                message = f"got tag {id!r} of word {index}, which has no name; expected one, or {OUTSIDE}"
                self._fault(number, message, "repaired")
            tags.append(tag if isinstance(tag, str) else OUTSIDE)
        return self._from_tags(tags, number)


def plain(value: Any) -> Any:
    """A value in plain Python types: missing values as ``None``, and objects without their empty values."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, tuple | list):
        return list(map(plain, value))
    if isinstance(value, dict):
        items = {key: plain(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item not in (None, "")}
    missing = type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value))
    return None if missing else value


class ParquetRows:
    """The rows of a Parquet file, read in ranges; ``DataError`` if it is not Parquet, or has no column of words."""

    def __init__(self, path: str | Path) -> None:
        with requires_extra("Parquet", "datasets"):
            from pyarrow import parquet
        self.path = path
        os.close(open_descriptor(path))  # refuses pipes and devices
        with readable(path):
            self._file = parquet.ParquetFile(path)
        meta = self._file.metadata
        groups = [meta.row_group(index) for index in range(meta.num_row_groups)]
        self.schema = self._file.schema_arrow
        self.column = arrow_word_column(self.schema, path)
        self.count: int = meta.num_rows
        self.size: int = sum(group.total_byte_size for group in groups)  # about, in bytes, once decompressed
        check_ratio(Path(path).stat().st_size, self.size, path)
        self._borders = list(accumulate((group.num_rows for group in groups), initial=0))  # of the row groups

    def batches(self, start: int = 0, stop: int | None = None) -> Iterator[Any]:
        """Record batches of the rows ``start`` to ``stop``, from 0; row groups outside are not read."""
        stop = self.count if stop is None else stop
        groups = [i for i, (first, end) in enumerate(pairwise(self._borders)) if end > start and first < stop]
        position = self._borders[groups[0]] if groups else 0
        with readable(self.path):
            for batch in self._batches(groups):
                low, high = max(start - position, 0), min(stop - position, len(batch))
                position += len(batch)
                if low < high:
                    yield batch.slice(low, high - low)
                if position >= stop:
                    break

    def select(self, columns: list[str]) -> Iterator[Any]:
        """Record batches of all rows, with these columns."""
        for batch in self.batches():
            yield batch.select(columns)

    def _batches(self, groups: list[int]) -> Iterator[Any]:
        # The first row decides how many are decoded at a time: long cells may be repeated by reference.
        rows = next(self._file.iter_batches(1, row_groups=groups), None)
        size = 1 if rows is None else max(1, rows.nbytes)
        yield from self._file.iter_batches(max(1, min(BATCH, line_bytes() // size)), row_groups=groups)

    def cells(self, batch: Any) -> list[Any]:
        """The words or texts of a batch."""
        with readable(self.path):
            return list(batch.column(self.column).to_pylist())

    def sentence(self, cell: Any, number: int) -> Sentence | None:
        """The sentence of the cell of a row, ``None`` without a word; ``ValueError`` if one is empty or null."""
        if not cell or (self.column == TEXT and cell.isspace()):
            return None
        if self.column == TEXT:
            return sentence_from_text(cell, line=number)
        check_words(TOKENS, cell)
        return Sentence(tuple(cell), line=number)


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Raise ``DataError`` for whatever a library raises for files that are damaged, or not its own."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        expected = "a Parquet file, or a folder of datasets.save_to_disk"
        raise DataError(f"cannot be read: {type(error).__name__}: {error}; expected {expected}", path) from None


def arrow_word_column(schema: Any, path: str | Path) -> str:
    """The column of an Arrow schema that holds the words; ``DataError`` if its type cannot."""
    from pyarrow import types

    with readable(path):
        name = word_column(schema.names, path)  # which may not be UTF-8
    if schema.names.count(name) > 1:
        raise DataError(f"got several columns {name!r}; expected one", path)
    type_ = schema.field(name).type
    if name == TOKENS:
        type_ = type_.value_type if types.is_list(type_) or types.is_large_list(type_) else None
    if type_ is not None and types.is_dictionary(type_):
        type_ = type_.value_type
    if type_ is None or not (types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_)):
        expected = "lists of strings" if name == TOKENS else "strings"
        raise DataError(f"got column {name!r} of type {schema.field(name).type}; expected {expected}", path)
    return name
