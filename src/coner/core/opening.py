"""Opening of files that may be hostile: regular files only, compressed ones of a bounded ratio, bounded lines."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, cast

from coner.core.bounds import check_ratio, large_file, line_bytes, long_line, whole_bytes
from coner.core.errors import DataError

MAGIC = 10  # bytes that tell how a file is compressed
GZIP, BZIP2 = re.compile(rb"\x1f\x8b"), re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")
BLOCK = 1 << 17


def open_bytes(path: str | Path) -> BinaryIO:
    """Open a regular file, also gzip or bzip2; ``-`` is standard input; a pipe of the shell such as ``<(command)`` too.

    ``DataError`` if it is missing, may not be read, or is a device, a socket or a named pipe, which may never end.
    Reading a compressed one raises ``DataError`` where the content is too large for the file (``CONER_MAX_RATIO``).
    """
    if str(path) == "-":
        if sys.stdin is None:
            raise DataError("standard input is closed; name a file")
        raw: io.BufferedReader = io.BufferedReader(sys.stdin.buffer)  # type: ignore[arg-type]
    else:
        raw = io.BufferedReader(io.FileIO(open_descriptor(path)))
    if not is_compressed(raw.peek(MAGIC)):
        return raw
    return cast(BinaryIO, io.BufferedReader(_Unpacked(raw, path), BLOCK))


def is_compressed(head: bytes) -> bool:
    """Whether the first ``MAGIC`` bytes of a file are those of gzip or bzip2."""
    return bool(GZIP.match(head) or BZIP2.match(head))


def open_descriptor(path: str | Path) -> int:
    """A file descriptor to read a regular file, or a pipe that has no name; for errors see ``open_bytes``."""
    # Without O_NONBLOCK, a named pipe would be waited for.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        if Path(path).is_dir():
            raise DataError("is a folder; expected a file", path)
        mode = Path(path).stat().st_mode
        unnamed = stat.S_ISFIFO(mode) and not Path(os.path.realpath(path)).exists()
        if not stat.S_ISREG(mode) and not unnamed:
            raise DataError("is a device, a socket or a named pipe; expected a file, or - for standard input", path)
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise DataError("no such file; check the path", path) from None
    except ValueError:  # a zero byte in the name
        raise DataError("got a name with a zero byte; expected the path of a file") from None
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from None
    if hasattr(os, "set_blocking"):
        os.set_blocking(descriptor, True)
    return descriptor


class _Counted(io.RawIOBase):
    """Counts the bytes that are read from a file, which may be a pipe."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw, self.count = raw, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        block = self.raw.read(size)
        self.count += len(block)
        return block


class _Bzip2:
    """Decompresses one stream after the other; unlike ``BZ2File``, raises for trailing data that is not a stream."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self._stream = raw, bz2.BZ2Decompressor()

    def read(self, size: int) -> bytes:
        while True:
            data = b""
            if self._stream.eof:
                if not (data := self._stream.unused_data or self._raw.read(BLOCK)):
                    return b""
                self._stream = bz2.BZ2Decompressor()
            elif self._stream.needs_input and not (data := self._raw.read(BLOCK)):
                raise EOFError("compressed file ended before the end-of-stream marker was reached")
            if block := self._stream.decompress(data, size):
                return block


class _Unpacked(io.RawIOBase):
    """The content of a compressed file, of a bounded ratio to what is compressed."""

    def __init__(self, raw: BinaryIO, path: str | Path) -> None:
        self.packed, self._path, self._size = raw, path, 0
        self._counted = _Counted(raw)
        packed = cast(Any, self._counted)
        is_gzip = GZIP.match(cast(io.BufferedReader, raw).peek(MAGIC))
        self._file: Any = gzip.GzipFile(fileobj=packed, mode="rb") if is_gzip else _Bzip2(packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        self._size += len(block)
        check_ratio(self._counted.count, self._size, self._path)
        return len(block)

    def close(self) -> None:
        self.packed.close()
        super().close()


def read_bytes(path: str | Path, size: int | None = None) -> bytes:
    """Read a file, or its first ``size`` bytes, decompressed.

    ``DataError`` where it cannot be read, or has more than ``CONER_MAX_FILE_MIB``.
    """
    with open_bytes(path) as handle, report_damage(path):
        if size is not None:
            return handle.read(size)
        maximum, parts, total = whole_bytes(), list[bytes](), 0
        while block := handle.read(1 << 20):
            parts.append(block)
            if (total := total + len(block)) > maximum:
                raise large_file(path)
        return b"".join(parts)


def read_line(handle: BinaryIO, path: str | Path, number: int | None = None) -> bytes:
    """The next line of an open file with its end; ``DataError`` for one beyond ``CONER_MAX_LINE_MIB``."""
    maximum = line_bytes()
    if len(line := handle.readline(maximum + 1)) > maximum:
        raise long_line(path, number)
    return line


def raw_lines(handle: BinaryIO, path: str | Path) -> Iterator[bytes]:
    """The lines of an open file with their ends; for errors see ``read_line``."""
    for number in count(1):
        if not (line := read_line(handle, path, number)):
            return
        yield line


@contextmanager
def report_damage(path: str | Path) -> Iterator[None]:
    """``DataError`` for what reading a damaged file raises."""
    try:
        yield
    except (EOFError, OSError, zlib.error) as error:  # gzip: truncated or damaged
        raise DataError(f"cannot be read: {str(error).lower()}; copy the file again", path) from None
