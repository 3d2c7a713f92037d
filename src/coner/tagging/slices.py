"""Cut files into slices that are tagged independently; their outputs, joined in order, are the output of the file.

The cuts depend on the file alone, not on the machines, so that the output is always the same. Cutting reads the start
of a file and the lines around each cut, whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import BinaryIO

from coner.core.errors import DataError
from coner.core.opening import MAGIC, is_compressed, read_line
from coner.data import ConllLayout, detect
from coner.data.reading.headers import DOCUMENT
from coner.data.reading.tables import ParquetRows
from coner.tagging.job import TaggingJob

SIZE = 4 << 20  # bytes, of Parquet decompressed: seconds of work for a CRF, a minute or more for an encoder
FORMATS = ("conll", "jsonl", "datasets")


@dataclass(frozen=True)
class Slice:
    """A range of a file: plain values, sent as JSON."""

    path: str  # of the file, absolute
    source: str  # the file as the user named it
    format: str  # of the file, and of the output
    start: int  # the first byte; of Parquet, row
    stop: int  # after the last one
    last: bool  # the file ends with it
    weight: int  # bytes on disk, for the progress bar

    @property
    def whole(self) -> bool:
        """Whether it is the whole file."""
        return self.start == 0 and self.last


def cut(source: str, job: TaggingJob, size: int) -> list[Slice]:
    """The slices of a file, in order, of about ``size`` bytes; at least one.

    Raises:
        DataError: the file cannot be read, has another format, or its first sentence is faulty.
        MissingExtra: pyarrow is not installed.
    """
    path = Path(source)
    if not path.is_file():
        reason = "is not a file" if path.exists() else "no such file"
        raise DataError(f"{reason}; expected a CoNLL, JSONL or Parquet file", source)
    format, total = detect(path) if job.format == "auto" else job.format, path.stat().st_size
    if format not in FORMATS:
        raise DataError(f"got the format {format}; expected CoNLL, JSONL or Parquet to tag into a folder", source)
    resolved = path.resolve()
    try:
        ranges = list(_ranges(resolved, format, job, size))
    except DataError as error:
        raise name_source(error, str(resolved), source) from None
    end = ranges[-1][1]
    return [
        Slice(str(resolved), source, format, start, stop, stop == end, total * (stop - start) // max(1, end))
        for start, stop in ranges
    ]


def name_source(error: DataError, path: str, source: str, *, lines_before: int = 0) -> DataError:
    """An error of a reader with the file as the user named it (``source``), and the line in the whole file."""
    if str(error.path) != path:
        return error
    line = None if error.line is None else error.line + lines_before
    place = f"{path}: " if error.line is None else f"{path}:{error.line}: "
    return DataError(str(error).removeprefix(place), source, line)


def first_gap(path: str, job: TaggingJob) -> tuple[ConllLayout, int] | None:
    """The layout of a CoNLL file, and the line of the sentence after its first gap; ``None`` if it has no gap."""
    for before, after in pairwise(reader := job.reader(path, "conll")):
        if after.line > before.line + len(before.header) + len(before):
            assert reader.layout is not None
            return reader.layout, after.line
    return None


def _ranges(path: Path, format: str, job: TaggingJob, size: int) -> Iterator[tuple[int, int]]:
    if format == "datasets":
        rows = ParquetRows(path)
        step = max(1, rows.count * size // max(1, rows.size))
        yield from [(start, min(start + step, rows.count)) for start in range(0, rows.count, step)] or [(0, 0)]
        return
    total = path.stat().st_size
    with path.open("rb") as handle:
        if is_compressed(handle.read(MAGIC)):  # can only be read from its start
            yield 0, total
        elif format == "jsonl":
            yield from _between(handle, total, size, path=path, minimum=1, border=lambda file: file.tell())
        elif gap := first_gap(str(path), job):
            handle.seek(0)
            minimum = sum(map(len, islice(handle, gap[1] - 1)))  # so that the first slice shows the layout of the file
            marks = tuple(mark.encode() for mark in ("#", DOCUMENT, job.reading.get("comment")) if mark)
            border = partial(_next_gap, path=path, marks=marks)
            yield from _between(handle, total, size, path=path, minimum=minimum, border=border)
        else:
            yield 0, total


def _between(
    handle: BinaryIO, total: int, size: int, *, path: Path, minimum: int, border: Callable[[BinaryIO], int]
) -> Iterator[tuple[int, int]]:
    # ``border`` returns the first possible cut at or after the current position of the file.
    start, aim = 0, max(size, minimum)
    while aim < total:
        handle.seek(aim - 1)
        read_line(handle, path)
        stop = border(handle)
        if stop >= total:
            break
        yield start, stop
        start, aim = stop, stop + size
    yield start, total


def _next_gap(handle: BinaryIO, *, path: Path, marks: tuple[bytes, ...]) -> int:
    """Where the next empty line starts that follows a word directly, not a line that may be a header.

    The gap belongs to the slice after it, because only what follows shows whether the file ends there.
    """
    in_sentence = False
    while line := read_line(handle, path):
        if line.removesuffix(b"\n").removesuffix(b"\r").strip(b" \t"):
            in_sentence = not line.startswith(marks)
        elif in_sentence:
            return handle.tell() - len(line)
    return handle.tell()
