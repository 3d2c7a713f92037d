"""A file cut into slices that can be tagged apart from one another, and written one behind the other.

Where the cuts are depends on the file alone, not on the machines: so whoever tags the slices, the output is the same.
To cut a file costs a look at its beginning and at each border, whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import BinaryIO

from coner.core.errors import DataError
from coner.core.lines import GZIP
from coner.data import ConllLayout, detect
from coner.data.reading.layout import HEADER
from coner.tagging.job import Job

SIZE = 4 << 20  # bytes, of Parquet once it is unpacked: seconds of a CRF's work, a minute or more of an encoder's


@dataclass(frozen=True)
class Slice:
    """A part of a file: plain values, which travel as JSON.

    Attributes:
        path: of the file, absolute.
        shown: as the user named it.
        form: of the file, and of what is written.
        start, stop: the first byte, and the one after the last; of Parquet, rows.
        last: the file ends with it.
        weight: bytes on disk, for the bar.
    """

    path: str
    shown: str
    form: str
    start: int
    stop: int
    last: bool
    weight: int

    @property
    def whole(self) -> bool:
        """It is the whole file."""
        return self.start == 0 and self.last


def cut(source: str, job: Job, size: int) -> list[Slice]:
    """The slices of a file, in order; at least one.

    Args:
        source: as the user names it.
        job: how to read it.
        size: about how many bytes a slice has.

    Raises:
        DataError: it cannot be read, is of another kind, or its first sentence is faulty.
        MissingExtra: pyarrow is not installed.
    """
    path = Path(source)
    if not path.is_file():
        what = "is no file" if path.exists() else "no such file"
        raise DataError(f"{what}; expected CoNLL, JSONL or Parquet files", source)
    form, total = detect(path) if job.format == "auto" else job.format, path.stat().st_size
    if form not in ("conll", "jsonl", "datasets"):
        raise DataError(f"is read as {form}; only CoNLL, JSONL and Parquet are tagged into a folder", source)
    place = path.resolve()
    try:
        ranges = list(_ranges(place, form, job, size))
    except DataError as error:
        raise told(error, str(place), source) from None
    end = ranges[-1][1]
    return [
        Slice(str(place), source, form, start, stop, stop == end, total * (stop - start) // max(1, end))
        for start, stop in ranges
    ]


def told(error: DataError, path: str, shown: str, *, after: int = 0) -> DataError:
    """A reader's fault with the file as the user named it.

    Args:
        error: of the reader.
        path: that the reader knew.
        shown: the user's name of it.
        after: lines of the file before those that were read.
    """
    if str(error.path) != path:
        return error
    line = None if error.line is None else error.line + after
    place = f"{path}: " if error.line is None else f"{path}:{error.line}: "
    return DataError(str(error).removeprefix(place), shown, line)


def look_of(path: str, job: Job) -> tuple[ConllLayout, int] | None:
    """How a CoNLL file looks, and the line at which the sentence behind the first gap begins; without a gap nothing."""
    for before, after in pairwise(reader := job.reader(path, "conll")):
        if after.line > before.line + len(before.header) + len(before):
            assert reader.layout is not None
            return reader.layout, after.line
    return None


def _ranges(path: Path, form: str, job: Job, size: int) -> Iterator[tuple[int, int]]:
    if form == "datasets":
        from coner.tagging.parquet import count_rows

        rows, unpacked = count_rows(path)
        some = max(1, rows * size // max(1, unpacked))
        yield from [(start, min(start + some, rows)) for start in range(0, rows, some)] or [(0, 0)]
        return
    total = path.stat().st_size
    with path.open("rb") as handle:
        if handle.read(len(GZIP)) == GZIP:  # can only be read from its beginning
            yield 0, total
        elif form == "jsonl":
            yield from _between(handle, total, size, least=1, border=lambda at: at.tell())
        elif look := look_of(str(path), job):
            handle.seek(0)
            least = sum(map(len, islice(handle, look[1] - 1)))  # so that the first slice shows how the file looks
            marks = tuple(mark.encode() for mark in (HEADER, job.comment) if mark)
            yield from _between(handle, total, size, least=least, border=partial(_before_a_gap, marks=marks))
        else:
            yield 0, total


def _between(
    handle: BinaryIO, total: int, size: int, *, least: int, border: Callable[[BinaryIO], int]
) -> Iterator[tuple[int, int]]:
    """From border to border: the next one behind each so many bytes, of the first slice at least ``least``."""
    start, aim = 0, max(size, least)
    while aim < total:
        handle.seek(aim - 1)
        handle.readline()
        stop = border(handle)
        if stop >= total:
            break
        yield start, stop
        start, aim = stop, stop + size
    yield start, total


def _before_a_gap(handle: BinaryIO, *, marks: tuple[bytes, ...]) -> int:
    """From the beginning of a line on: where the next empty line begins, behind one with a word.

    The gap goes with what comes behind it, which may be the end of the file, where it is written.
    """
    text = False
    while line := handle.readline():
        if line.removesuffix(b"\n").removesuffix(b"\r").strip(b" \t"):
            text = text or not line.startswith(marks)
        elif text:
            return handle.tell() - len(line)
    return handle.tell()
