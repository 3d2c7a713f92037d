"""What the readers of every format share: one pass in constant memory, and how faults are met."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from pathlib import Path

from coner.data.layout import ConllFormat
from coner.errors import DataError
from coner.files import Lines
from coner.types import Sentence


class Reader(ABC):
    """The sentences of a file, one after the other, in constant memory; to be iterated once.

    Args:
        path: a file, also gzip; ``-`` is standard input.
        repair: mend or skip what is faulty and count it, in place of an error.
        labels: those that may occur; any, where it is ``None``.
        gold: refuse a file without labels.
        on_fault: told the line (from 1) and the fault of everything that is mended or skipped.

    Attributes:
        format: how the file looks, ``None`` where it is not CoNLL. Complete once all is read, and at any time as far as
            a writer that follows the reader needs it.
        repaired: what was mended so far.
        skipped: what was left out so far.

    Raises (while iterating):
        DataError: with the line, at the first fault that is not to be mended.
    """

    format: ConllFormat | None = None

    def __init__(
        self,
        path: str | Path,
        *,
        repair: bool = False,
        labels: Collection[str] | None = None,
        gold: bool = False,
        on_fault: Callable[[int, str], None] | None = None,
    ) -> None:
        self.path = path
        self.repaired = 0
        self.skipped = 0
        self._repair = repair
        self._labels = None if labels is None else frozenset(labels)
        self._gold = gold
        self._on_fault = on_fault
        self._lines = Lines(path, self._mended if repair else None)
        self._sentences = self._read(self._lines)

    def __iter__(self) -> Iterator[Sentence]:
        return self._sentences

    @property
    def position(self) -> int:
        """How many bytes of the file, as it lies on disk, are read; 0 throughout for a pipe."""
        return self._lines.position

    @abstractmethod
    def _read(self, lines: Lines) -> Iterator[Sentence]: ...

    def _mend(self, line: int, message: str) -> None:
        """Before something is mended: an error, unless that is asked for."""
        if not self._repair:
            raise DataError(f"{message}; or mend it with --repair", self.path, line)
        self._mended(line, message)

    def _mended(self, line: int, message: str) -> None:
        self.repaired += 1
        self._tell(line, message)

    def _skip(self, line: int, message: str) -> None:
        """Before something is left out: an error, unless that is asked for."""
        if not self._repair:
            raise DataError(f"{message}; correct it, or leave it out with --repair", self.path, line)
        self._skipped(line, message)

    def _skipped(self, line: int, message: str) -> None:
        self.skipped += 1
        self._tell(line, message)

    def _tell(self, line: int, message: str) -> None:
        if self._on_fault is not None:
            self._on_fault(line, message)

    def _check_label(self, label: str, line: int) -> None:
        """An unknown label is never mended: what it should be cannot be known."""
        if self._labels is None or label in self._labels:
            return
        close = get_close_matches(label, sorted(self._labels), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        known = ", ".join(sorted(self._labels))
        message = f"label {label!r} is not in the taxonomy; {hint}expected one of: {known}"
        raise DataError(f"{message}; or name another taxonomy", self.path, line)
