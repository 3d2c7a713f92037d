"""Exceptions that the command line prints as one line, each with its exit code.

A message says where (``file:line`` or a key path), what was found, what was expected, and how to fix it.
"""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INCOMPLETE = 3  # exit code: progress is saved, and the same command may do the rest
MAX_LENGTH = 2_500  # characters of a message, in which a name from a file may be of any length
_QUOTE = reprlib.Repr()
_QUOTE.maxstring = _QUOTE.maxother = _QUOTE.maxlong = 80


class ConerError(Exception):
    """Wrong input or use: one line for the user, exit code 2. A very long message is cut in its middle."""

    exit_code = 2

    def __init__(self, message: str = "") -> None:
        if "\n" in message:  # such as an array that is quoted
            message = " ".join(message.split())
        super().__init__(
            message if len(message) <= MAX_LENGTH else f"{message[: MAX_LENGTH - 500]} ... {message[-490:]}"
        )


class ConfigError(ConerError):
    """A setting is unknown, misspelt or out of range; the message starts with its key path."""


class DataError(ConerError):
    """A data file cannot be read as requested; the message starts with the file and the line (from 1)."""

    def __init__(self, message: str, path: str | Path | None = None, line: int | None = None) -> None:
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(place + message)
        self.path, self.line = path, line


class ModelError(ConerError):
    """A model folder or a pretrained encoder is missing, damaged, or of another version."""


class MissingExtra(ConerError):
    """An optional dependency is missing: ``what`` (a name that the user knows) needs the extra ``extra``."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed: pip install 'coner[{extra}]'")


@contextmanager
def requires_extra(what: str, extra: str) -> Iterator[None]:
    """Raise ``MissingExtra`` for a library that the block cannot import.

    A missing module of this package is a bug, not a missing extra: its error is left as it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "coner":
            raise
        raise MissingExtra(what, extra) from None


class Unfinished(ConerError):
    """The work was stopped, for the reason in the message, and its progress is saved."""

    def __init__(self, message: str, exit_code: int = INCOMPLETE) -> None:
        super().__init__(f"{message}; progress is saved; run the same command again to resume")
        self.exit_code = exit_code


class Unanswered(ConerError):
    """An endpoint answered no request; of the failures, each with ``kind`` and ``reason``, the most frequent is named.

    Exit code 2 where the endpoint refused (input or use are wrong), else 3 (another try may succeed).
    """

    def __init__(self, message: str, failures: Counter[Any]) -> None:
        [(first, _)] = failures.most_common(1)
        super().__init__(f"{message} ({first.kind}): {first.reason}")
        self.exit_code = {"refused": 2}.get(first.kind, INCOMPLETE)


class OutputError(ConerError):
    """A result cannot be written: no space, no permission, or a file is in the way."""


def quoted(value: object) -> str:
    """The start of a value's ``repr``, for messages: also of one that is nested deeply, or has none."""
    return f"{_QUOTE.repr(value):.80}"


def status_of(error: BaseException | None) -> int | None:
    """HTTP status of the response behind an error, if any; a client may chain it below an error of its own."""
    while error is not None:
        if (response := getattr(error, "response", None)) is not None:
            return int(response.status_code)
        error = error.__cause__
    return None


def one_line(error: BaseException) -> str:
    """The type of an error and the first line of its message."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
