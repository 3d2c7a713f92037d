"""Parquet files with a row per sentence, read in ranges of rows; needs pyarrow alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coner.core.errors import DataError, requires_extra
from coner.core.types import Sentence
from coner.data.reading.rows import TEXT, TOKENS, word_column
from coner.data.reading.words import sentence_from_text

BATCH = 1000  # rows decoded at a time


class ParquetRows:
    """The rows of a file.

    Args:
        path: of the file.

    Attributes:
        schema: of Arrow.
        column: the one that holds the words, ``tokens`` or ``text``.
        count: number of rows.
        size: about how many bytes they are once decompressed.

    Raises:
        DataError: it is not Parquet, or has no column of words.
        MissingExtra: pyarrow is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        with requires_extra("Parquet", "datasets"):
            from pyarrow import parquet
        self.path = path
        try:
            self._file = parquet.ParquetFile(path)
        except FileNotFoundError:
            raise DataError("no such file; check the path", path) from None
        except Exception as error:  # whatever the library raises for files that are not its own
            raise unreadable(error, path) from None
        meta = self._file.metadata
        self.schema = self._file.schema_arrow
        self.column = arrow_word_column(self.schema, path)
        self.count: int = meta.num_rows
        self.size: int = sum(meta.row_group(index).total_byte_size for index in range(meta.num_row_groups))

    def batches(self, start: int = 0, stop: int | None = None) -> Iterator[Any]:
        """Record batches of the rows ``start`` to ``stop``, from 0; row groups outside are not read."""
        stop = self.count if stop is None else stop
        groups: list[int] = []
        position = first = 0
        for index in range(self._file.metadata.num_row_groups):
            rows = self._file.metadata.row_group(index).num_rows
            if position + rows > start and position < stop:
                first = first if groups else position
                groups.append(index)
            position += rows
        position = first
        try:
            for batch in self._file.iter_batches(BATCH, row_groups=groups):
                low, high = max(start - position, 0), min(stop - position, len(batch))
                position += len(batch)
                if low < high:
                    yield batch.slice(low, high - low)
                if position >= stop:
                    break
        except Exception as error:  # damaged in the middle
            raise unreadable(error, self.path) from None

    def cells(self, batch: Any) -> list[Any]:
        """The words or texts of a batch."""
        try:
            return list(batch.column(self.column).to_pylist())
        except UnicodeDecodeError as error:
            raise unreadable(error, self.path) from None

    def sentence(self, cell: Any, number: int) -> Sentence | None:
        """The sentence of a cell, whose ``line`` is the row ``number``; ``None`` for null, or without a word.

        Raises:
            ValueError: a word is empty or null.
        """
        if not cell or (self.column == TEXT and cell.isspace()):
            return None
        if self.column == TEXT:
            return sentence_from_text(cell, line=number)
        if not all(cell):
            raise ValueError(f"got {TOKENS} {cell!r:.80}; expected a list of non-empty words")
        return Sentence(tuple(cell), line=number)


def unreadable(error: Exception, path: str | Path) -> DataError:
    """The error of a library on a file that it cannot read."""
    expected = "a Parquet file, or a folder of datasets.save_to_disk"
    return DataError(f"cannot be read: {type(error).__name__}: {error}; expected {expected}", path)


def arrow_word_column(schema: Any, path: str | Path) -> str:
    """The column of an Arrow schema that holds the words; ``DataError`` if its type cannot."""
    from pyarrow import types

    name = word_column(schema.names, path)
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
