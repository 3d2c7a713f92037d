"""Standard output and error: what a file contains cannot control the terminal, and a closed stream is noticed.

A terminal obeys control characters: they move the cursor, change its title, hide text, or send input to the shell. So
whatever is printed shows them as escapes, such as ``\\u001b``, which JSON and TOML read as the same character. Only
tagged sentences are written verbatim, and only where no terminal reads them.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO, cast

KEPT = "\n\t"
ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in KEPT}


def visible(text: str) -> str:
    """The text with its control characters as escapes, except for tabs and line feeds."""
    return text if text.isprintable() else text.translate(ESCAPES)


class EscapedStream:
    """A stream that writes control characters as escapes; rich, which controls the terminal, bypasses it.

    Attributes:
        rich_proxied_file: the stream behind it, by the name under which rich looks for it.
    """

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        """Write a text; returns its length."""
        self.rich_proxied_file.write(visible(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Everything else is that of the stream behind it."""
        return getattr(self.rich_proxied_file, name)


class _Closed(io.TextIOBase):
    """Standard output that was closed before the start: writing to it is an error."""

    encoding, errors = "utf-8", "backslashreplace"

    def write(self, text: str) -> int:
        """Raise ``OSError``, unless there is nothing to write."""
        if text:
            raise OSError(errno.EBADF, "standard output is closed")
        return 0

    def writable(self) -> bool:
        """Text may be written, with that error."""
        return True


def prepare_streams() -> None:
    """Set up the standard streams of this process: UTF-8, guarded, and none of them missing."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:  # else the next file that is opened would become one of them
        pass
    os.close(opened)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names may not be valid UTF-8.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
    if sys.stderr is None:  # print would write to standard output instead
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process
    sys.stdout = cast(TextIO, _Closed() if sys.stdout is None else EscapedStream(sys.stdout))
    sys.stderr = cast(TextIO, EscapedStream(sys.stderr))


def data_stream() -> TextIO | None:
    """Standard output for data, verbatim unless a terminal shows them; ``None`` if it is closed."""
    if sys.stdout is None or isinstance(sys.stdout, _Closed):
        return None
    stream: TextIO = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
    return sys.stdout if stream.isatty() else stream


class VisibleFormatter(logging.Formatter):
    """Formats log lines without control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """One entry."""
        return visible(super().format(record))
