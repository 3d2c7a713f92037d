"""Entities that stand on characters: placed on the words, and documents cut into sentences.

A document's sentences are its lines: ``\\n`` ends one, a line without a word is none. The words of a line are those of
``data.text``, or what stands between white space. A document of one sentence gives it its id; of more, the id with
``-1``, ``-2`` and so on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coner.core.errors import DataError
from coner.core.lines import read_bytes
from coner.core.types import Entity, Sentence
from coner.data.reading.reader import Reader
from coner.data.reading.words import SPLITTERS, Span, Splitter, line_spans

BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Mark:
    """An entity as a file has it: a half-open span of characters.

    Attributes:
        number: the line (or task) of the file that says so.
    """

    start: int
    end: int
    label: str
    score: float
    number: int


class SpanReader(Reader):
    """What the readers of character spans share; beside what every reader takes:

    Args:
        words: ``coner`` cuts text as ``data.text`` does, ``spaces`` at white space only.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        repair: bool = False,
        labels: Collection[str] | None = None,
        gold: bool = False,
        words: Splitter = "coner",
        on_fault: Callable[[int, str], None] | None = None,
    ) -> None:
        super().__init__(path, repair=repair, labels=labels, gold=gold, on_fault=on_fault)
        self._split = SPLITTERS[words]

    def _place(
        self, marks: Iterable[Mark], length: int, offsets: Sequence[Span], ends: Sequence[int] = ()
    ) -> tuple[Entity, ...]:
        """Spans of characters as spans of words; each is kept, snapped to whole words, or left out and told.

        Args:
            marks: in any order; of two that share a word the later one is left out.
            length: of the text, in characters.
            offsets: the words' spans in it.
            ends: at which words sentences end, where the text is more than one.
        """
        kept: list[Entity] = []
        for mark in sorted(marks, key=lambda mark: (mark.start, mark.end)):
            start, end, number = mark.start, mark.end, mark.number
            self._check_label(mark.label, number)
            place = f"entity {start}-{end} {mark.label!r}"
            first = bisect_right(offsets, start, key=lambda span: span[1])
            last = bisect_left(offsets, end, key=lambda span: span[0])
            if not 0 <= start < end <= length or first >= last:
                self._skip(number, f"{place} holds no word of the text of {length} characters", "outside")
            elif bisect_right(ends, first) != bisect_right(ends, last - 1):
                self._skip(number, f"{place} crosses the border of a sentence", "across sentences")
            elif kept and first < kept[-1].end:
                nested = first == kept[-1].start or last <= kept[-1].end
                self._skip(number, f"{place} overlaps the entity before it", "nested" if nested else "overlapping")
            else:
                if (offsets[first][0], offsets[last - 1][1]) != (start, end):
                    borders = f"{offsets[first][0]}-{offsets[last - 1][1]}"
                    message = f"{place} does not fall on the borders of words; expected {borders}"
                    self._mend(number, message, "snapped")
                kept.append(Entity(first, last, mark.label, mark.score))
        return tuple(kept)

    def _document(
        self, text: str, marks: Iterable[Mark] | None, *, id: str | None, number: int | None = None
    ) -> Iterator[Sentence]:
        """A document's sentences.

        Args:
            text: whole; a byte order mark counts as a character of it, and is part of no word.
            marks: ``None`` where it has no labels.
            id: of the document.
            number: of the document, where its lines have none of their own in the file.
        """
        length = len(text)
        text = " " + text[1:] if text.startswith(BOM) else text
        offsets: list[Span] = []
        lines, ends = list[Span](), list[int]()
        for start, end in line_spans(text):
            if words := self._split(text[start:end]):
                offsets += [(start + a, start + b) for a, b in words]
                lines.append((start, end))
                ends.append(len(offsets))
        entities = None if marks is None else self._place(marks, length, offsets, ends)
        if not lines:
            self._skip(number or 1, "a document without a word")
        starts = [entity.start for entity in entities or ()]
        first, row, reached = 0, 1, 0
        for count, ((start, end), last) in enumerate(zip(lines, ends, strict=True), 1):
            row, reached = row + text.count("\n", reached, start), start
            own = (entities or ())[bisect_left(starts, first) : bisect_left(starts, last)]
            yield Sentence(
                words=tuple([text[a:b] for a, b in offsets[first:last]]),
                entities=None if entities is None else shifted(own, -first),
                id=id if id is None or len(lines) == 1 else f"{id}-{count}",
                text=text[start:end],
                offsets=tuple([(a - start, b - start) for a, b in offsets[first:last]]),
                line=row if number is None else number,
            )
            first = last


def shifted(entities: Iterable[Entity], by: int) -> tuple[Entity, ...]:
    """Entities, so many words further on."""
    return tuple([replace(entity, start=entity.start + by, end=entity.end + by) for entity in entities])


def whole_text(path: str | Path) -> str:
    """A file's text, every character of it, its line ends and byte order mark included.

    Raises:
        DataError: missing, binary, or not UTF-8: a mended byte would move every span behind it.
    """
    data = read_bytes(path)
    if b"\0" in data:
        message = "holds a zero byte: a binary file, or text in UTF-16; expected text in UTF-8"
        raise DataError(message, path, data.count(b"\n", 0, data.index(b"\0")) + 1)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = (
            f"byte 0x{data[error.start]:02x} is not UTF-8; convert the file (iconv -f LATIN1 -t UTF-8, if Latin-1)"
        )
        raise DataError(message, path, data.count(b"\n", 0, error.start) + 1) from None


def same_text(a: str, b: str) -> bool:
    """Equal but for white space: annotation tools write line ends in their own ways."""
    return "".join(a.split()) == "".join(b.split())
