"""Entities on characters: placed on words, and documents split into sentences.

Each line of a document is a sentence, if it has a word; if lines are ``wrapped``, each paragraph is. The id of a
document is that of its only sentence; several sentences get the id with ``-1``, ``-2`` and so on.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Unpack

from coner.core.counted import counted
from coner.core.errors import DataError
from coner.core.opening import read_bytes
from coner.core.types import Entity, Sentence
from coner.data.reading.nesting import KEPT, Placed, distinct, flatten, is_nested
from coner.data.reading.nesting import Mark as Mark  # noqa: PLC0414  # for the readers of the formats
from coner.data.reading.offsets import Claim, Offsets, find_offsets, guess_offsets
from coner.data.reading.reader import Reader, ReadOptions
from coner.data.reading.tolerance import excess
from coner.data.reading.words import BOM, Span, line_spans, lone_surrogate, paragraph_spans, raw_text

BLANK_LINE = re.compile("\n[ \t\r]*\n")
Places = Sequence[tuple[Span, Sequence[Span]]]  # of sentences in a text, each with those of its words
Marks = Iterable[Mark] | None  # ``None``: the document has no labels


class SpanReader(Reader):
    """Base class of the readers of character spans."""

    def __init__(self, path: str | Path, **options: Unpack[ReadOptions]) -> None:
        super().__init__(path, **options)
        self._nested = options.get("nested", "outer")
        self._units: Counter[str] = Counter()  # of offsets that are not code points, in entities

    @property
    def notes(self) -> list[str]:
        units = [
            f"offsets are read as {unit}: {counted(count, 'entity', 'entities')}" for unit, count in self._units.items()
        ]
        nested = self.faults["nested"]
        kept = f"nested entities that are left out: {nested}; the {KEPT[self._nested]} are kept (--nested)"
        return [*super().notes, *units, *([kept] if nested else [])]

    def _checked(self) -> Iterator[Sentence]:
        entities = 0
        for sentence in super()._checked():
            entities += len(sentence.entities or ())
            yield sentence
        if not self._predicted and (problem := excess(self.faults, entities)):
            raise DataError(problem, self.path)

    def _offsets(self, text: str, claims: Sequence[Claim], spans: Sequence[Span]) -> Offsets:
        """The offsets of a document, by the texts that it repeats, or without any by where its spans begin and end."""
        if claims or text.isascii():
            return find_offsets(text, claims)
        return guess_offsets(text, spans, self._split)

    def _find(
        self, pieces: Sequence[Span], repeated: str | None, offsets: Offsets, place: str, number: int
    ) -> Span | None:
        """The span of an entity in code points, from its pieces and the text that the file repeats for it, if it does.

        ``None`` if it is a fault: it lies outside the text, has another text, or other words between its pieces.
        """
        spans = [span for piece in pieces if (span := offsets.span(*piece)) is not None]
        text, covered = offsets.text, offsets.covered(pieces)
        if covered is None:
            self._fault(number, f"{place} covers no word of the text of {len(text)} characters", "outside")
        elif repeated is not None and not offsets.agreeing([(pieces, repeated)])[0]:
            message = f"{place}: got the text {repeated[:40]!r}; expected {covered[:40]!r}, the text at that place"
            self._fault(number, message, "text differs")
        elif any(a > b or text[a:b].strip() for (_, a), (b, _) in pairwise(spans)):
            self._fault(number, f"{place}: got {len(pieces)} pieces; expected one", "discontinuous")
        else:
            if spans != [tuple(piece) for piece in pieces]:
                self._units[str(offsets.unit)] += 1
                report = self._count_fault if offsets.proved else self._fault
                likely = "" if offsets.proved else ", as in code points it begins or ends inside a word"
                report(number, f"{place}: got {offsets.unit}{likely}; expected code points", "converted")
            return spans[0][0], spans[-1][1]
        return None

    def _place(
        self, marks: Iterable[Mark], length: int, offsets: Sequence[Span], ends: Sequence[int] = (), text: str = ""
    ) -> tuple[Entity, ...]:
        """Convert character spans to word spans; each is kept, extended to whole words, or skipped as a fault.

        White space at the ends of a span is not part of the entity, and is counted.

        ``length``: of the text; ``offsets``: the spans of its words; ``ends``: the words at which sentences end.
        """
        placed: list[Placed] = []
        for item in marks:
            start, end, number = item.start, item.end, item.number
            label = self._check_label(item.label, number)
            mark = item if label == item.label else replace(item, label=label)
            first = bisect_right(offsets, start, key=lambda span: span[1])
            last = bisect_left(offsets, end, key=lambda span: span[0])
            if not 0 <= start < end <= length or first >= last:
                self._fault(number, f"{mark} covers no word of the text of {length} characters", "outside")
            elif bisect_right(ends, first) != bisect_right(ends, last - 1):
                hint = self._hint(text, start, end)
                self._fault(number, f"{mark} crosses a sentence boundary{hint}", "across sentences")
            else:
                placed.append((first, last, mark))
        kept = self._flat(placed)
        for first, last, mark in kept:
            start, end = offsets[first][0], offsets[last - 1][1]
            if mark.start <= start and end <= mark.end:  # only white space besides the words
                if (start, end) != (mark.start, mark.end):
                    self.ignored["white space at the ends of entities"] += 1
            else:
                self._fault(mark.number, f"{mark} starts or ends inside a word; expected {start}-{end}", "snapped")
        return tuple([Entity(first, last, mark.label, mark.score, mark.kb_id) for first, last, mark in kept])

    def _hint(self, text: str, start: int, end: int) -> str:
        """The advice for a span that crosses the ends of lines of one paragraph."""
        joinable = not self._wrapped and "\n" in text[start:end] and not BLANK_LINE.search(text, start, end)
        return ", a line end: if lines are wrapped, use --lines wrapped" if joinable else ""

    def _flat(self, placed: Sequence[Placed]) -> list[Placed]:
        """Those that do not overlap, in the order of the text; the others are counted, or are faults."""
        unique = distinct(placed)
        if len(unique) < len(placed):
            self.ignored["duplicate entities"] += len(placed) - len(unique)
        kept, others = flatten(unique, self._nested)
        for item, other in others:
            mark, rival = item[2], other[2]
            if item[:2] == other[:2]:
                message = f"{mark}: got a second label for the words of {rival}; expected one label"
                self._fault(mark.number, message, "two labels")
            elif is_nested(item, other):
                self._count_fault(mark.number, f"{mark} and {rival} are nested", "nested")
            else:
                self._fault(mark.number, f"{mark} overlaps {rival}; expected one entity", "overlapping")
        return kept

    def _document(self, text: str, marks: Marks, *, id: object, number: int | None = None) -> Iterator[Sentence]:
        """The sentences of a document, one for each line or paragraph with a word; for the arguments see ``_cut``."""
        text = " " + text[1:] if text.startswith(BOM) else text  # it counts, and belongs to no word
        lines = []
        for start, end in paragraph_spans(text) if self._wrapped else line_spans(text):
            if words := self._split(text[start:end]):
                lines.append(((start, end), [(start + a, start + b) for a, b in words]))
        return self._cut(text, lines, marks, id=id, number=number)

    def _cut(self, text: str, places: Places, marks: Marks, *, id: object, number: int | None) -> Iterator[Sentence]:
        """The sentences of a document; without its ``number`` they are numbered by their lines in the text."""
        offsets = [word for _, words in places for word in words]
        ends = list(accumulate(len(words) for _, words in places))
        entities = () if marks is None else self._place(marks, len(text), offsets, ends, text)
        if not places:
            self._fault(number or 1, "got a document without a word")
        name = str(id) if isinstance(id, str | int) and str(id) else None
        starts = [entity.start for entity in entities]
        first, row, reached = 0, 1, 0
        for count, ((start, end), words) in enumerate(places, 1):
            row, reached = row + text.count("\n", reached, start), start
            own = entities[bisect_left(starts, first) : bisect_left(starts, first + len(words))]
            shifted = [replace(entity, start=entity.start - first, end=entity.end - first) for entity in own]
            yield Sentence(
                words=tuple([text[a:b] for a, b in words]),
                entities=None if marks is None else tuple(shifted),
                id=name if name is None or len(places) == 1 else f"{name}-{count}",
                text=text[start:end],
                offsets=tuple([(a - start, b - start) for a, b in words]),
                line=number or row,
            )
            first += len(words)


def align_words(values: Mapping[str, Any], split: Callable[[str], tuple[Span, ...]]) -> tuple[str, tuple[Span, ...]]:
    """The text of an object with ``text``, ``words`` or both, and the span of each word, by default found by ``split``.

    ``ValueError`` if they are malformed, or do not agree.
    """
    words, text = values.get("words"), values.get("text")
    if words is not None:
        check_words("words", words)
        text = " ".join(words) if text is None else text
    if not isinstance(text, str):
        raise ValueError(f'got text {text!r:.80}; expected an object with a string "text", or "words"')
    if (half := lone_surrogate(text)) is not None:
        raise ValueError(f"got a lone surrogate at character {half} of the text; expected whole characters")
    if words is None:
        if not (offsets := split(text)):
            raise ValueError("got text without a word")
        return text, offsets
    if text == " ".join(words):  # a search would not find a word of white space
        return raw_text(Sentence(tuple(words)))
    spans, end = [], 0
    for word in words:
        start = text.find(word, end)
        if start < 0 or text[end:start].strip():
            raise ValueError(f"got word {word!r:.80}, which does not follow in the text at character {end}")
        end = start + len(word)
        spans.append((start, end))
    if text[end:].strip():
        raise ValueError(f"got text after the last word, at character {end}; expected all words of the text")
    return text, tuple(spans)


def check_words(name: str, words: Any) -> None:
    """Raise ``ValueError`` for anything but a list of words."""
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise ValueError(f"got {name} {words!r:.80}; expected a list of non-empty strings")


def whole_text(path: str | Path) -> str:
    """Every character of a file; ``DataError`` if it is not UTF-8: a repaired byte would move every span behind it."""
    data = read_bytes(path)
    if b"\0" in data:
        got = "got a zero byte: a binary file, or text in UTF-16; expected UTF-8"
        message = f"{got}. Fix: if it is UTF-16, iconv -f UTF-16 -t UTF-8"
        raise DataError(message, path, data.count(b"\n", 0, data.index(b"\0")) + 1)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"got byte 0x{data[error.start]:02x}; expected UTF-8. Fix: if it is Latin-1, iconv -f LATIN1 -t UTF-8"
        raise DataError(message, path, data.count(b"\n", 0, error.start) + 1) from None
