"""What the readers of every format share: one pass in constant memory, and how faults are met."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from pathlib import Path

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.reading.layout import ConllLayout


class Reader(ABC):
    """The sentences of a file, one after the other, in constant memory; to be iterated once.

    Args:
        path: a file, also gzip; ``-`` is standard input.
        repair: mend or skip what is faulty and count it, in place of an error.
        labels: those that may occur; any, where it is ``None``.
        gold: refuse a file without labels.
        on_fault: told the line (from 1) and the fault of everything that is mended or skipped.

    Attributes:
        layout: how the file looks, ``None`` where it is not CoNLL. Complete once all is read, and at any time as far as
            a writer that follows the reader needs it.
        repaired: what was mended so far.
        skipped: what was left out so far.
        fates: the same by kind: entities ``snapped`` to words, ``overlapping``, and so on; what is no entity is
            ``mended`` or ``unreadable``.
        unread: what the file holds beside words and entities, by kind: relations, other columns. It is no fault.

    Raises (while iterating):
        DataError: with the line, at the first fault that is not to be mended.
    """

    layout: ConllLayout | None = None
    unit = "line"  # what the numbers of faults and sentences count

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
        self.fates: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self._file = path  # the one that is being read, where the path is a folder
        self._repair = repair
        self._labels = None if labels is None else frozenset(labels)
        self._gold = gold
        self._on_fault = on_fault
        self._narrowed = False
        self._begun: ConllLayout | None = None  # where only a later part of the file is read: how it looks
        self._lines = Lines(path, self._mended if repair else None)
        self._sentences = self._read(self._lines)

    def __iter__(self) -> Iterator[Sentence]:
        return self._sentences

    def narrow(self, start: int, stop: int, look: ConllLayout | None) -> None:
        """Read only these bytes, which begin and end where a sentence does; before iteration, and of no packed file.

        Lines are then counted from the first of these bytes, and it is no fault if no sentence is among them.

        Args:
            start: of the first byte.
            stop: after the last one.
            look: of the file, if it is CoNLL: only its beginning tells it.
        """
        self._lines.restrict(start, stop, look.newline if look else "\n")
        self._narrowed = True
        if start:
            self._begun = look

    @property
    def position(self) -> int:
        """How many bytes of the file, as it lies on disk, are read; 0 throughout for a pipe."""
        return self._lines.position

    @abstractmethod
    def _read(self, lines: Lines) -> Iterator[Sentence]: ...

    def _mend(self, number: int, message: str, kind: str = "mended") -> None:
        """Before something is mended: an error, unless that is asked for."""
        if not self._repair:
            raise self.error(number, f"{message}; or mend it with --repair")
        self._mended(number, message, kind)

    def _mended(self, number: int, message: str, kind: str = "mended") -> None:
        self.repaired += 1
        self.fates[kind] += 1
        self._tell(number, message)

    def _skip(self, number: int, message: str, kind: str = "unreadable") -> None:
        """Before something is left out: an error, unless that is asked for."""
        if not self._repair:
            raise self.error(number, f"{message}; correct it, or leave it out with --repair")
        self._skipped(number, message, kind)

    def _skipped(self, number: int, message: str, kind: str = "unreadable") -> None:
        self.skipped += 1
        self.fates[kind] += 1
        self._tell(number, message)

    def _tell(self, number: int, message: str) -> None:
        if self._on_fault is not None:
            place = "" if self._file == self.path else f"{Path(self._file).name}: "
            self._on_fault(number, place + message)

    def error(self, number: int, message: str) -> DataError:
        """A fault at a line (or what ``unit`` says) of the file that is being read."""
        if self.unit == "line":
            return DataError(message, self._file, number)
        return DataError(f"{self.unit} {number}: {message}", self._file)

    def _check_label(self, label: str, number: int) -> None:
        """An unknown label is never mended: what it should be cannot be known."""
        if self._labels is None or label in self._labels:
            return
        close = get_close_matches(label, sorted(self._labels), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        known = ", ".join(sorted(self._labels))
        message = f"label {label!r} is not in the taxonomy; {hint}expected one of: {known}"
        raise self.error(number, f"{message}; or name another taxonomy")
