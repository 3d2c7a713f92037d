"""The base class of all readers: one pass over a file in constant memory, and the handling of faults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from coner.core.counted import counted
from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.tags import InputScheme
from coner.core.types import Entity, Sentence
from coner.data.reading.layout import ConllLayout
from coner.data.reading.schemes import SHARE, TOLERATED, PairCounter, TagReader, UnknownTags
from coner.data.reading.spellings import NUMBER, SEVERAL, Pairs
from coner.data.reading.words import SPLITTERS, Splitter, lone_surrogate

HEADER, FILLER = "# id ", "_"  # of CoNLL
SHOWN = 8  # types of what is not read, in a note
REPAIRS = ("repaired", "snapped", "converted")  # types of faults that are repaired; the others are left out


class Reading(TypedDict, total=False):
    """How a user's files are read; a reader ignores what does not apply to its format, except ``columns``."""

    scheme: InputScheme  # of tags; ``auto`` (default): recognised from all tags of a file, ``iob2`` of standard input
    columns: str | None  # of a file of columns, such as ``word=2,tag=4``; by default recognised
    comment: str | None  # start of further header lines, besides ``# id ``
    lines: Literal["sentences", "wrapped"]  # what a line of a document is; wrapped: paragraphs end at empty lines
    nested: Literal["outer", "inner"]  # which of nested entities to keep
    text: str | None  # key of the text in JSON; by default recognised
    rename: Mapping[str, str]  # new names of labels
    repair: bool  # repair or leave out what is faulty, and count it, instead of raising an error


class ReadOptions(Reading, total=False):
    """How data is read."""

    labels: Collection[str] | None  # those that may occur; any, if ``None``
    words: Splitter  # of text: ``coner`` (default, see ``split_words``), or ``spaces``, at white space
    gold: bool  # refuse sentences without labels
    predicted: bool  # its labels are not gold: any number of tags that are not valid may be repaired
    on_fault: Callable[[int, str], None] | None  # gets the line and the message of what is repaired or left out


class Reader(ABC):
    """The sentences of a file, in order and in constant memory; can be iterated once.

    While iterating, ``DataError`` at the first fault that is not to be repaired, with the line.
    """

    # Of a CoNLL file: complete once all is read, and at any time as far as a writer behind the reader needs it.
    layout: ConllLayout | None = None
    by_columns = False  # whether the option ``columns`` applies
    unit = "line"  # what the numbers of faults and ``Sentence.line`` count
    expected = ""  # content of a file, for the error if it has no sentence; empty if it may have none

    def __init__(self, path: str | Path, **options: Unpack[ReadOptions]) -> None:
        if unknown := options.keys() - ReadOptions.__annotations__.keys():
            raise TypeError(f"unexpected option {min(unknown)!r}; expected {', '.join(ReadOptions.__annotations__)}")
        if options.get("columns") and not self.by_columns:
            got = f"got --columns {options['columns']}, but the format has no columns to choose from"
            raise DataError(f"{got}. Fix: leave the option out, or name another format with --from", path)
        self.path, self._options = path, options
        self.faults: Counter[str] = Counter()  # so far, by type: ``snapped`` to words, ``overlapping``, and so on
        self.ignored: Counter[str] = Counter()  # what else the file holds, by type: relations, columns. Not a fault
        self._file = path  # the one that is being read, if the path is a folder
        self._predicted = options.get("predicted", False)
        survey = self._survey if self._rereadable() else None
        self._tags: TagReader | PairCounter = TagReader(
            options.get("scheme", "auto"), survey, predicted=self._predicted
        )
        self._may_repair = options.get("repair", False)
        labels = options.get("labels")
        self._labels = None if labels is None else frozenset(labels)
        self._names = dict(options.get("rename") or {})
        self._unnamed = dict.fromkeys(self._names)  # labels with a new name that no entity had so far
        self._numbered = {tag: name for tag, name in self._names.items() if NUMBER.fullmatch(tag)}
        self._wrapped = options.get("lines") == "wrapped"
        self._comment = options.get("comment")
        self._split = SPLITTERS[options.get("words", "coner")]
        self._gold = options.get("gold", False)
        self._on_fault = options.get("on_fault")
        self._first_layout: ConllLayout | None = None  # if only a later range of the file is read
        self._first_row = 0  # the line of the first word of a file of columns, if it is known
        self._lines = Lines(path, self._count_fault if self._may_repair else None)
        self._sentences = self._checked()

    def __iter__(self) -> Iterator[Sentence]:
        return self._sentences

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.path}>"

    @property
    def repaired(self) -> int:
        """Number of repairs so far."""
        return sum(self.faults[fault] for fault in REPAIRS)

    @property
    def skipped(self) -> int:
        """Number of sentences, entities and headers left out so far."""
        return self.faults.total() - self.repaired

    def narrow(self, start: int, stop: int, layout: ConllLayout | None) -> None:
        """Before iteration: read only these bytes, which begin and end between sentences; not of gzip.

        Lines are then counted from ``start``. The ``layout`` of a CoNLL file shows only in its first sentence.
        """
        self._lines.restrict(start, stop, layout.newline if layout else "\n")
        self.expected = ""  # a range without a sentence is no fault
        self._first_layout = layout if start else None

    @property
    def position(self) -> int:
        """Number of bytes of the file on disk that have been read; always 0 for a pipe."""
        return self._lines.position

    @property
    def scheme(self) -> Literal["iob2", "bioes"]:
        """In which its tags can be written again; known once all is read."""
        return "bioes" if self._tags.rule == "bioes" else "iob2"

    @property
    def notes(self) -> list[str]:
        """How the file is read, where that is not obvious; known once all is read."""
        notes = [self._tags.note] if self._tags.note else []
        if unread := sorted((+self.ignored).items(), key=lambda item: -item[1]):
            counts = ", ".join(f"{what} {count:,}" for what, count in unread[:SHOWN])
            more = f", and {counted(len(unread) - SHOWN, 'more kind')}" * (len(unread) > SHOWN)
            notes.append(f"not read: {counts}{more}")
        return [*notes, *(f"no entity has the label {label!r}, which is to be renamed" for label in self._unnamed)]

    def _checked(self) -> Iterator[Sentence]:
        words, mark = 0, self._lines.mark
        mark()
        for sentence in self._read(self._lines):
            words += len(sentence)
            mark()
            yield sentence
        if not words and self.expected:
            skipped = f", and {self.skipped} faults that were skipped" if self.skipped else ""
            skipped += "".join(f", but {what} {count}" for what, count in self.ignored.most_common(2))
            raise DataError(f"got no sentence{skipped}; expected {self.expected}", self.path)
        repaired = self.faults["repaired"]
        if repaired > TOLERATED and repaired > SHARE * words and not self._predicted:
            message = f"got {repaired} faults in {words} words; expected at most {SHARE:.0%} to be repaired"
            raise DataError(f"{message}. Fix: read it without --repair, to see the first", self.path)

    @abstractmethod
    def _read(self, lines: Lines) -> Iterator[Sentence]: ...

    def _each(self, items: Iterable[Any], parse: Callable[[Any, int], Iterable[Sentence]]) -> Iterator[Sentence]:
        """The sentences of items; one for which ``parse`` (of item and number) raises ``ValueError`` is a fault."""
        for number, item in enumerate(items, 1):
            try:
                sentences = parse(item, number)
            except ValueError as error:
                self._fault(number, str(error))
            else:
                yield from sentences

    def _fault(self, number: int, message: str, fault: str = "unreadable") -> None:
        """Count a fault of this type; an error unless ``repair`` was requested."""
        if not self._may_repair:
            fix = "use --repair" if fault in REPAIRS else "leave it out with --repair"
            raise self.error(number, message if "Fix: " in message else f"{message}. Fix: correct it, or {fix}")
        self._count_fault(number, message, fault)

    def _count_fault(self, number: int, message: str, fault: str = "repaired") -> None:
        self.faults[fault] += 1
        self._lines.mark()
        if self._on_fault is not None:
            place = "" if self._file == self.path else f"{Path(self._file).name}: "
            self._on_fault(number, place + message)

    def _rereadable(self) -> bool:
        return Path(self.path).is_file() or Path(self.path).is_dir()

    def _again(self, options: ReadOptions) -> Reader:
        """A reader of the same data."""
        return type(self)(self.path, **options)

    def _survey(self) -> Pairs:
        """The tags of the whole file, in a pass of its own."""
        options: ReadOptions = {**self._options, "repair": True, "predicted": True, "gold": False, "on_fault": None}
        reader = self._again(options)
        reader._tags = counter = PairCounter()
        for _ in reader:
            pass
        return counter.pairs

    def _from_tags(self, tags: Sequence[str], number: int, *, lines: bool = False) -> tuple[Entity, ...]:
        """The entities of a sentence at ``number``; with ``lines`` each word has a line of its own from there."""
        if self._numbered:
            tags = [self._named_tag(tag) for tag in tags]
        try:
            entities, faults = self._tags.read(tags)
        except UnknownTags as error:
            raise self.error(number + error.index * lines, f"{error}. Fix: {error.fix}") from None
        if lines and number == self._first_row and tags[0] == self._tags.alone:
            got = f"got {tags[0]!r:.80}, the only label of a single word, as if the line had the names of the columns"
            raise self.error(number, f"{got}. Fix: delete it; or if it is a label, --scheme io")
        for index, message in faults:
            at = (number + index, message) if lines else (number, f"word {index + 1}: {message}")
            self._fault(*at, "repaired")
        labels = [self._check_label(entity.label, number + entity.start * lines) for entity in entities]
        if self._names:
            entities = [replace(entity, label=label) for entity, label in zip(entities, labels, strict=True)]
        return tuple(entities)

    def _named_tag(self, tag: str) -> str:
        """A tag that is a number under its name, if it has one."""
        if tag not in self._numbered:
            return tag
        self._unnamed.pop(tag, None)
        return self._numbered[tag]

    def error(self, number: int, message: str) -> DataError:
        """An error at a line (or what ``unit`` says) of the file that is being read."""
        if self.unit == "line":
            return DataError(message, self._file, number)
        return DataError(f"{self.unit} {number}: {message}", self._file)

    def _check_label(self, label: str, number: int) -> str:
        """A label under its new name; an error for an unknown one, also with ``repair``: nothing says what it means."""
        if label in self._names:
            self._unnamed.pop(label, None)
            label = self._names[label]
        if not label.isalnum() and SEVERAL.search(label):
            raise self.error(
                number, f"got several labels in one tag, {label!r:.80}; expected one. Fix: write a file for each"
            )
        if self._labels is not None and label not in self._labels:
            known = sorted(self._labels)
            message = f"got label {label!r}, which is not in the taxonomy; expected one of: {', '.join(known)}. Fix: "
            fix = "".join(f"write {close!r}, or " for close in get_close_matches(label, known, n=1))
            raise self.error(number, f"{message}{fix}use another taxonomy")
        if not label.isascii() and lone_surrogate(label) is not None:
            raise self.error(number, f"got label {label!r:.80} with a lone surrogate; expected whole characters")
        return label
