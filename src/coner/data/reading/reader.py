"""The base class of all readers: one pass over a file in constant memory, and the handling of faults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypedDict, Unpack

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.tags import Scheme
from coner.core.types import Sentence
from coner.data.reading.layout import ConllLayout
from coner.data.reading.words import SPLITTERS, Splitter


class ReadOptions(TypedDict, total=False):
    """How data is read; a reader ignores what does not apply to its format.

    Attributes:
        scheme: tag scheme of CoNLL and of ``ner_tags``, ``iob2`` by default; never guessed.
        repair: repair or skip what is faulty, and count it, instead of raising an error.
        labels: the labels that may occur; any, if ``None``.
        comment: start of further header lines in CoNLL, besides ``# id ``.
        words: how text is split into words: ``coner`` (default, see ``split_words``), or ``spaces``, at white space.
        gold: refuse sentences without labels.
        on_fault: called with the line and the message of everything that is repaired or skipped.
    """

    scheme: Scheme
    repair: bool
    labels: Collection[str] | None
    comment: str | None
    words: Splitter
    gold: bool
    on_fault: Callable[[int, str], None] | None


class Reader(ABC):
    """The sentences of a file, in order and in constant memory; can be iterated once.

    Args:
        path: a file, also gzip; ``-`` is standard input.
        options: see ``ReadOptions``.

    Attributes:
        layout: of a CoNLL file; ``None`` for other formats. Complete once all is read, and at any time as far as a
            writer that follows the reader needs it.
        unit: what the numbers of faults and ``Sentence.line`` count.
        expected: what a file should hold, for the error if it has no sentence; empty if it may have none.
        repaired: number of repairs so far.
        skipped: number of sentences, entities and headers left out so far.
        faults: both of them by type: entities ``snapped`` to words, ``overlapping``, and so on; faults that do not
            concern an entity are ``repaired`` or ``unreadable``.
        ignored: what the file holds besides words and entities, by type: relations, other columns. Not a fault.

    Raises (while iterating):
        DataError: with the line, at the first fault that is not to be repaired.
    """

    layout: ConllLayout | None = None
    unit = "line"
    expected = ""

    def __init__(self, path: str | Path, **options: Unpack[ReadOptions]) -> None:
        if unknown := options.keys() - ReadOptions.__annotations__.keys():
            raise TypeError(f"unexpected option {min(unknown)!r}; expected {', '.join(ReadOptions.__annotations__)}")
        self.path = path
        self.repaired = 0
        self.skipped = 0
        self.faults: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self._file = path  # the one that is being read, if the path is a folder
        self._scheme: Scheme = options.get("scheme", "iob2")
        self._may_repair = options.get("repair", False)
        labels = options.get("labels")
        self._labels = None if labels is None else frozenset(labels)
        self._comment = options.get("comment")
        self._split = SPLITTERS[options.get("words", "coner")]
        self._gold = options.get("gold", False)
        self._on_fault = options.get("on_fault")
        self._narrowed = False
        self._first_layout: ConllLayout | None = None  # if only a later range of the file is read
        self._lines = Lines(path, self._count_repair if self._may_repair else None)
        self._sentences = self._checked()

    def __iter__(self) -> Iterator[Sentence]:
        return self._sentences

    def narrow(self, start: int, stop: int, layout: ConllLayout | None) -> None:
        """Read only the bytes ``start`` to ``stop``, which begin and end between sentences; before iteration, not gzip.

        Lines are then counted from ``start``, and a range without a sentence is not a fault. ``layout`` is that of a
        CoNLL file, which only its first sentence shows.
        """
        self._lines.restrict(start, stop, layout.newline if layout else "\n")
        self._narrowed = True
        if start:
            self._first_layout = layout

    @property
    def position(self) -> int:
        """Number of bytes of the file on disk that have been read; always 0 for a pipe."""
        return self._lines.position

    def _checked(self) -> Iterator[Sentence]:
        empty = True
        for sentence in self._read(self._lines):
            empty = False
            yield sentence
        if empty and self.expected and not self._narrowed:
            skipped = f", and {self.skipped} faults that were skipped" if self.skipped else ""
            raise DataError(f"got no sentence{skipped}; expected {self.expected}", self.path)

    @abstractmethod
    def _read(self, lines: Lines) -> Iterator[Sentence]: ...

    def _each(self, items: Iterable[Any], parse: Callable[[Any, int], Iterable[Sentence]]) -> Iterator[Sentence]:
        """The sentences of numbered items; an item for which ``parse`` raises ``ValueError`` is skipped as a fault."""
        for number, item in enumerate(items, 1):
            try:
                sentences = parse(item, number)
            except ValueError as error:
                self._skip(number, str(error))
            else:
                yield from sentences

    def _repair(self, number: int, message: str, fault: str = "repaired") -> None:
        """Count a repair; an error unless ``repair`` was requested."""
        if not self._may_repair:
            raise self.error(number, f"{message}. Fix: correct it, or use --repair")
        self._count_repair(number, message, fault)

    def _count_repair(self, number: int, message: str, fault: str = "repaired") -> None:
        self.repaired += 1
        self._report(number, message, fault)

    def _skip(self, number: int, message: str, fault: str = "unreadable") -> None:
        """Count something that is left out; an error unless ``repair`` was requested."""
        if not self._may_repair:
            raise self.error(number, f"{message}. Fix: correct it, or leave it out with --repair")
        self._count_skip(number, message, fault)

    def _count_skip(self, number: int, message: str, fault: str = "unreadable") -> None:
        self.skipped += 1
        self._report(number, message, fault)

    def _report(self, number: int, message: str, fault: str) -> None:
        self.faults[fault] += 1
        if self._on_fault is not None:
            place = "" if self._file == self.path else f"{Path(self._file).name}: "
            self._on_fault(number, place + message)

    def error(self, number: int, message: str) -> DataError:
        """An error at a line (or what ``unit`` says) of the file that is being read."""
        if self.unit == "line":
            return DataError(message, self._file, number)
        return DataError(f"{self.unit} {number}: {message}", self._file)

    def _check_label(self, label: str, number: int) -> None:
        """Raise for an unknown label, also with ``repair``: what it should be cannot be known."""
        if self._labels is None or label in self._labels:
            return
        known = sorted(self._labels)
        close = get_close_matches(label, known, n=1)
        fix = f"write {close[0]!r}, or use" if close else "use"
        message = f"got label {label!r}, which is not in the taxonomy; expected one of: {', '.join(known)}"
        raise self.error(number, f"{message}. Fix: {fix} another taxonomy")
