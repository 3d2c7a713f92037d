"""Entities on characters: placed on words, and documents split into sentences.

Each line of a document is a sentence, if it has a word. The id of a document is that of its only sentence; several
sentences get the id with ``-1``, ``-2`` and so on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from coner.core.errors import DataError
from coner.core.lines import read_bytes
from coner.core.types import Entity, Sentence
from coner.data.reading.reader import Reader
from coner.data.reading.words import BOM, Span, line_spans, lone_surrogate, raw_text

Places = Sequence[tuple[Span, Sequence[Span]]]  # of sentences in a text, each with those of its words


@dataclass(frozen=True, slots=True)
class Mark:
    """An entity as a file has it: a half-open span of characters; ``number`` is its line, task, row or document."""

    start: int
    end: int
    label: str
    score: float
    number: int


Marks = Iterable[Mark] | None  # ``None``: the document has no labels


class SpanReader(Reader):
    """Base class of the readers of character spans."""

    def _place(
        self, marks: Iterable[Mark], length: int, offsets: Sequence[Span], ends: Sequence[int] = ()
    ) -> tuple[Entity, ...]:
        """Convert character spans to word spans; each is kept, extended to whole words, or skipped as a fault.

        ``length``: of the text; ``offsets``: the spans of its words; ``ends``: the words at which sentences end.
        """
        kept: list[Entity] = []
        for mark in sorted(marks, key=lambda mark: (mark.start, mark.end)):
            start, end, number = mark.start, mark.end, mark.number
            self._check_label(mark.label, number)
            place = f"entity {start}-{end} {mark.label!r}"
            first = bisect_right(offsets, start, key=lambda span: span[1])
            last = bisect_left(offsets, end, key=lambda span: span[0])
            if not 0 <= start < end <= length or first >= last:
                self._fault(number, f"{place} covers no word of the text of {length} characters", "outside")
            elif bisect_right(ends, first) != bisect_right(ends, last - 1):
                self._fault(number, f"{place} crosses a sentence boundary", "across sentences")
            elif kept and first < kept[-1].end:
                nested = first == kept[-1].start or last <= kept[-1].end
                self._fault(number, f"{place} overlaps the entity before it", "nested" if nested else "overlapping")
            else:
                if (offsets[first][0], offsets[last - 1][1]) != (start, end):
                    words = f"{offsets[first][0]}-{offsets[last - 1][1]}"
                    self._fault(number, f"{place} starts or ends inside a word; expected {words}", "snapped")
                kept.append(Entity(first, last, mark.label, mark.score))
        return tuple(kept)

    def _document(self, text: str, marks: Marks, *, id: object, number: int | None = None) -> Iterator[Sentence]:
        """The sentences of a document, one for each line with a word; for the arguments see ``_cut``."""
        text = " " + text[1:] if text.startswith(BOM) else text  # it counts, and belongs to no word
        lines = []
        for start, end in line_spans(text):
            if words := self._split(text[start:end]):
                lines.append(((start, end), [(start + a, start + b) for a, b in words]))
        return self._cut(text, lines, marks, id=id, number=number)

    def _cut(self, text: str, places: Places, marks: Marks, *, id: object, number: int | None) -> Iterator[Sentence]:
        """The sentences of a document; without its ``number`` they are numbered by their lines in the text."""
        offsets = [word for _, words in places for word in words]
        ends = list(accumulate(len(words) for _, words in places))
        entities = () if marks is None else self._place(marks, len(text), offsets, ends)
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

    def _from_object(self, values: Mapping[str, Any], number: int) -> Sentence:
        """The sentence of an object with ``text`` or ``words``, and maybe ``id`` and ``entities``, see JSONL."""
        text, offsets = align_words(values, self._split)
        id = values.get("id")
        if (id is not None and not isinstance(id, str | int)) or lone_surrogate(str(id)) is not None:
            raise ValueError(f"got id {id!r:.80}; expected a string")
        items, entities = values.get("entities"), None
        if items is not None:
            if not isinstance(items, list):
                raise ValueError(f"got entities {items!r:.80}; expected a list")
            entities = self._place([_mark(item, number) for item in items], len(text), offsets)
        elif self._gold:
            raise self.error(number, 'got no "entities"; expected gold labels (an empty list if there are none)')
        words = tuple([text[a:b] for a, b in offsets])
        return Sentence(words, entities, None if id is None else str(id), text=text, offsets=offsets, line=number)


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
        raise ValueError(f"got half of a surrogate pair at character {half} of the text; expected whole characters")
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


def _mark(item: Any, number: int) -> Mark:
    if not isinstance(item, dict):
        raise ValueError(f"got entity {item!r:.200}; expected an object")
    value: Callable[[str], Any] = {"score": 1.0, **item}.get
    start, end, label, score = map(value, ("start", "end", "label", "score"))
    for key, place in {"start": start, "end": end}.items():
        if type(place) is not int:
            raise ValueError(f"entity {item!r:.200}: got {key} {place!r:.80}; expected a whole number")
    if not isinstance(label, str) or not label or lone_surrogate(label) is not None:
        raise ValueError(f"entity {item!r:.200}: got label {label!r}; expected a non-empty string of whole characters")
    if type(score) not in (int, float) or not 0 <= score <= 1:
        raise ValueError(f"entity {item!r:.200}: got score {score!r}; expected a number from 0 to 1")
    return Mark(start, end, label, score, number)


def whole_text(path: str | Path) -> str:
    """Every character of a file; ``DataError`` if it is not UTF-8: a repaired byte would move every span behind it."""
    data = read_bytes(path)
    if b"\0" in data:
        message = "got a zero byte: a binary file, or text in UTF-16; expected text in UTF-8"
        raise DataError(message, path, data.count(b"\n", 0, data.index(b"\0")) + 1)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"got byte 0x{data[error.start]:02x}; expected UTF-8. Fix: if it is Latin-1, iconv -f LATIN1 -t UTF-8"
        raise DataError(message, path, data.count(b"\n", 0, error.start) + 1) from None


def same_text(a: str, b: str) -> bool:
    """Whether two texts are equal except for white space: annotation tools write line ends in their own ways."""
    return "".join(a.split()) == "".join(b.split())
