"""Lines of text files, also gzip, with a one-line error for a damaged file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from coner.core.bounds import line_bytes, long_line
from coner.core.errors import DataError
from coner.core.opening import BLOCK, open_bytes, report_damage

BOM = b"\xef\xbb\xbf"


class Lines:
    """The lines of a UTF-8 file without their ends, in constant memory. Only ``\\n`` and ``\\r\\n`` end a line.

    A byte order mark at the start is skipped. ``on_fault`` gets the line number and a message for bytes that are not
    UTF-8, which become U+FFFD; without it they are an error. Iterating raises ``DataError`` for a file that is missing,
    damaged, binary, not UTF-8 (with the line and the byte), or whose lines end with ``\r`` alone.
    """

    def __init__(self, path: str | Path, on_fault: Callable[[int, str], None] | None = None) -> None:
        self.path = path
        self.bom = False  # the file begins with a byte order mark (known once iteration begins)
        self.newline = "\n"  # the end of the first line, if there is one
        self.final_newline = True  # the last line has an end (known once all is read)
        self.position = 0  # number of bytes of the file on disk that have been read; always 0 for a pipe
        self._on_fault = on_fault
        self._count = self._pending = 0  # lines so far; characters of those since ``mark``
        self._grouped = False  # whether ``mark`` has been called
        self._range: tuple[int, int | None] = 0, None

    def restrict(self, start: int, stop: int, newline: str = "\n") -> None:
        """Read only these bytes, which begin and end at line starts, of a file with this newline; not of gzip."""
        self._range, self.newline = (start, stop), newline

    def mark(self) -> None:
        """A sentence ends here: those that follow may have ``CONER_MAX_LINE_MIB`` of lines again.

        Lines of a reader that never calls it are not bounded together.
        """
        self._pending, self._grouped = 0, True

    def __iter__(self) -> Iterator[str]:
        self._count, maximum = 0, line_bytes()
        for block in self._blocks():
            count = self._count
            if b"\0" in block:  # such as a power cut leaves at the end of a file that was being written
                line = count + 1 + block.count(b"\n", 0, block.index(b"\0"))
                raise DataError("contains a zero byte: a damaged file; copy it again", self.path, line)
            try:
                text = block.decode("utf-8")
            except UnicodeDecodeError:
                text = "\n".join(self._decode(line, count + i) for i, line in enumerate(block.split(b"\n"), 1))
            lines = text.split("\n")
            self.final_newline = not lines[-1]
            if self.final_newline:
                lines.pop()
            if "\r" in text:
                lines = [line.removesuffix("\r") for line in lines]
            self._pending += len(text)
            if self._grouped and self._pending > maximum + BLOCK and len(lines) > 1:
                raise long_line(self.path, count + 1, "lines without the end of a sentence")
            self._count = count + len(lines)
            yield from lines

    def _blocks(self) -> Iterator[bytes]:
        """Blocks of about ``BLOCK`` bytes that end where a line does."""
        start, stop = self._range
        first, parts = start == 0, list[bytes]()  # parts: of a line that is longer than a block
        size, maximum = 0, line_bytes()  # of the parts
        with open_bytes(self.path) as handle:
            if start:
                handle.seek(start)
            self.position = start
            while block := self._read(handle, BLOCK if stop is None else min(BLOCK, stop - self.position)):
                if first:
                    block, first = self._begin(block), False
                cut = block.rfind(b"\n") + 1
                if cut:
                    yield b"".join([*parts, block[:cut]])
                    parts, size = [], 0
                parts.append(block[cut:])
                if (size := size + len(block) - cut) > maximum:
                    raise long_line(self.path, self._count + 1)
        if any(parts):
            yield b"".join(parts)

    def _read(self, handle: BinaryIO, size: int) -> bytes:
        with report_damage(self.path):
            block = handle.read(size)
            raw = getattr(getattr(handle, "raw", None), "packed", handle)  # the compressed file
            self.position = raw.tell() if raw.seekable() else 0
            return block

    def _begin(self, block: bytes) -> bytes:
        if b"\0" in block:
            got = "contains a zero byte: a binary file, or text in UTF-16; expected UTF-8"
            message = f"{got}. Fix: if it is UTF-16, iconv -f UTF-16 -t UTF-8"
            raise DataError(message, self.path, block[: block.index(b"\0")].count(b"\n") + 1)
        if block.startswith(BOM):
            self.bom, block = True, block[len(BOM) :]
        if b"\n" not in block and b"\r" in block.rstrip(b"\r \t"):
            message = "got CR alone as line end; expected LF or CRLF. Fix: tr '\\r' '\\n' < OLD > NEW"
            raise DataError(message, self.path, 1)
        if b"\r\n" in block and block.index(b"\n") == block.index(b"\r\n") + 1:
            self.newline = "\r\n"
        return block

    def _decode(self, line: bytes, number: int) -> str:
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"byte {error.start + 1} of the line is 0x{line[error.start]:02x}, which is not UTF-8"
            if self._on_fault is None:
                advice = "convert the file (Latin-1: iconv -f LATIN1 -t UTF-8), or replace by U+FFFD with --repair"
                raise DataError(f"{message}; {advice}", self.path, number) from None
            self._on_fault(number, message)
            return line.decode("utf-8", "replace")


class DeferredErrorLines(Iterator[str]):
    """Lines whose first error is raised one call later, so that the lines before it are processed first."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._fault: DataError | None = None

    def __next__(self) -> str:
        if self._fault is not None:
            raise self._fault
        try:
            return next(self._lines)
        except DataError as fault:
            self._fault = fault
            raise StopIteration from None

    def rest(self) -> Iterator[str]:
        """The remaining lines; their errors are raised at once."""
        if self._fault is not None:
            raise self._fault
        yield from self._lines
