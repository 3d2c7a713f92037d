"""The rows of a folder of ``datasets.save_to_disk``, read from its Arrow files without the library.

The library's own loader follows whatever paths ``state.json`` names, reads JSON of any size, and unpacks compressed
buffers of any ratio. This reader opens files of the folder only, and checks the size of rows before it makes Python
objects of them.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coner.core.bounds import line_bytes, long_line
from coner.core.errors import DataError
from coner.core.untrusted import open_regular, read_json
from coner.data.reading.tables import BATCH, arrow_word_column, readable

STATE = "state.json"
END = b"\xff\xff\xff\xff\0\0\0\0"  # of a stream; without it, one that is cut between two batches looks complete


class ArrowRows:
    """The rows of a folder; ``DataError`` if it is damaged, or has no column of words."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._files = folder, _files(folder)
        self.schema = _open(self._files[0]).schema
        arrow_word_column(self.schema, folder)

    def select(self, columns: list[str]) -> Iterator[Any]:
        """Record batches of at most ``BATCH`` rows with these columns; ``DataError`` for a row beyond the bound."""
        for path in self._files:
            reader, row = _open(path), 1
            if not reader.schema.equals(self.schema):
                raise DataError(f"got other columns than in {self._files[0].name}; expected the same", path)
            with readable(path):
                for batch in reader:
                    chosen = batch.select(columns)
                    chosen.validate(full=True)
                    yield from _pieces(chosen, path, row)
                    row += len(batch)


def _files(folder: Path) -> list[Path]:
    path = folder / STATE
    try:
        names = [entry["filename"] for entry in read_json(path)["_data_files"]]
    except FileNotFoundError:
        raise DataError("no such file; expected the folder of datasets.save_to_disk", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from None
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error}; " if isinstance(error, ValueError) else ""
        raise DataError(f"{reason}expected the data files that datasets.save_to_disk names", path) from None
    if not names:
        raise DataError("got no data files; expected one at least", path)
    for name in names:
        if not isinstance(name, str) or name in ("", "..") or Path(name).name != name:
            raise DataError(f"got the data file {name!r:.80}; expected the name of a file in the folder", path)
    return [folder / name for name in names]


def _open(path: Path) -> Any:
    """A reader of record batches in a file, which is mapped and not read; ``DataError`` if it is compressed."""
    import pyarrow as pa

    try:
        with open_regular(path) as handle:
            handle.seek(max(0, handle.seek(0, os.SEEK_END) - len(END)))
            complete = handle.read() == END
    except FileNotFoundError:
        raise DataError(f"no such file, but {STATE} names it; copy the folder again", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from None
    except ValueError as error:
        raise DataError(f"{error}; expected an Arrow file", path) from None
    if not complete:
        raise DataError("is damaged or truncated: it has no end; copy the folder again", path)
    with readable(path):
        for message in pa.ipc.MessageReader.open_stream(pa.memory_map(str(path))):
            if _is_compressed(message):
                raise DataError("got compressed Arrow data; expected it plain. Fix: write it as Parquet", path)
        return pa.ipc.open_stream(pa.memory_map(str(path)))


def _is_compressed(message: Any) -> bool:
    """Whether the buffers of a batch are compressed, by its FlatBuffers metadata (``Message.fbs`` of Arrow)."""
    data = memoryview(message.metadata)
    (root,) = struct.unpack_from("<I", data)
    header = _field(data, root, 2)
    if header is None or message.type not in ("record batch", "dictionary"):
        return False
    table = _follow(data, header)
    if message.type == "dictionary":
        batch = _field(data, table, 1)
        if batch is None:
            return False
        table = _follow(data, batch)
    return _field(data, table, 3) is not None


def _field(data: memoryview, table: int, number: int) -> int | None:
    """Where a field of a FlatBuffers table is; ``None`` if the table lacks it."""
    vtable = table - int(struct.unpack_from("<i", data, table)[0])
    (size,) = struct.unpack_from("<H", data, vtable)
    at = 4 + 2 * number
    offset = struct.unpack_from("<H", data, vtable + at)[0] if at < size else 0
    return table + int(offset) if offset else None


def _follow(data: memoryview, place: int) -> int:
    return place + int(struct.unpack_from("<I", data, place)[0])


def _pieces(batch: Any, path: Path, row: int) -> Iterator[Any]:
    """A batch in pieces of bounded rows and size."""
    if len(batch) <= BATCH and sum(map(_size, batch.columns)) <= line_bytes():
        yield batch
    elif len(batch) == 1:
        raise long_line(path, None, f"row {row}")
    else:
        half = len(batch) // 2
        yield from _pieces(batch.slice(0, half), path, row)
        yield from _pieces(batch.slice(half), path, row + half)


def _size(array: Any) -> int:
    """A lower bound of the bytes of an array as Python objects: one for each value, and its text."""
    from pyarrow import types

    kind = array.type
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return len(array) + _size(array.flatten())
    if types.is_struct(kind):
        return len(array) + sum(_size(array.field(number)) for number in range(kind.num_fields))
    if types.is_nested(kind) or types.is_dictionary(kind) or types.is_run_end_encoded(kind) or "view" in str(kind):
        raise ValueError(f"got values of type {kind}; expected strings, numbers, lists and structs")
    return len(array) + int(array.nbytes)
