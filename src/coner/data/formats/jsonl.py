"""JSONL: an object a line, entities as half-open character spans of the text.

::

    {"id": "7", "text": "she met ada.", "entities": [{"start": 8, "end": 11, "label": "OtherPER", "score": 0.9}]}

``id`` and ``score`` may be absent. Without ``entities`` the sentence has no labels at all. ``words`` is needed only
where the words are not those of ``data.text``: a list of strings that follow one another in the text, which may then be
absent too (spans count in the words joined by single spaces). The header and the middle columns of a CoNLL file have no
place here: of them, only the id is kept. Keys that are not named here are not read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Entity, Sentence
from coner.data.reading.spans import Mark, SpanReader
from coner.data.reading.words import Span, character_span, raw_text, split_words


class JsonlReader(SpanReader):
    """Reads JSONL.

    With ``repair`` an entity that cuts a word grows to whole words (``repaired``); one that overlaps another or lies
    outside, and a line that cannot be read, is left out (``skipped``).
    """

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        count = 0
        for number, line in enumerate(lines, 1):
            if not line or line.isspace():
                continue
            try:
                sentence = self._sentence(line, number)
            except ValueError as error:
                self._skip(number, str(error))
                continue
            count += 1
            yield sentence
        if not count and not self._narrowed:
            left_out = f" beside {self.skipped} faults that were left out" if self.skipped else ""
            raise DataError(f"holds no sentence{left_out}; expected a JSON object a line", self.path)

    def _sentence(self, line: str, number: int) -> Sentence:
        values = _parse(line)
        words, text, offsets = words_of(values, self._split)
        id = values.get("id")
        if (id is not None and not isinstance(id, str | int)) or _halved(str(id)):
            raise ValueError(f"id is {id!r}; expected a string")
        entities = None
        if values.get("entities") is not None:
            entities = self._entities(values["entities"], len(text), offsets, number)
        elif self._gold:
            raise DataError('no "entities"; expected gold labels (an empty list where none is)', self.path, number)
        return Sentence(words, entities, None if id is None else str(id), text=text, offsets=offsets, line=number)

    def _entities(self, items: Any, length: int, offsets: tuple[Span, ...], number: int) -> tuple[Entity, ...]:
        if not isinstance(items, list):
            raise ValueError("entities is no list")
        marks = [Mark(i["start"], i["end"], i["label"], i["score"], number) for i in map(_checked, items)]
        return self._place(marks, length, offsets)


def _parse(line: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg.lower()} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("not JSON of a sentence: nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError(f"a JSON {type(values).__name__} where an object was expected")
    return values


def words_of(
    values: dict[str, Any], split: Callable[[str], tuple[Span, ...]]
) -> tuple[tuple[str, ...], str, tuple[Span, ...]]:
    """Words, text, and the span of each word in it; ``ValueError`` where they do not agree."""
    words, text = values.get("words"), values.get("text")
    if words is not None:
        if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
            raise ValueError("words is no list of strings that are not empty")
        text = " ".join(words) if text is None else text
    if not isinstance(text, str):
        raise ValueError(f'text is {text!r}; expected an object with a string "text", or "words"')
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start} of the text is half of a surrogate pair") from None
    if words is None:
        offsets = split(text)
        if not offsets:
            raise ValueError("text without a word")
        return tuple([text[a:b] for a, b in offsets]), text, offsets
    if text == " ".join(words):  # then their places are known, also of one that is white space
        return tuple(words), *raw_text(Sentence(tuple(words)))
    spans, end = [], 0
    for word in words:
        start = text.find(word, end)
        if start < 0 or text[end:start].strip():
            raise ValueError(f"word {word!r} does not follow in the text at character {end}")
        end = start + len(word)
        spans.append((start, end))
    if text[end:].strip():
        raise ValueError(f"the text goes on after the last word, at character {end}")
    return tuple(words), text, tuple(spans)


def _halved(text: str) -> bool:
    """Half of a surrogate pair, which JSON can escape and no file can hold."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _checked(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValueError(f"entity {given!r} is no object")
    item: dict[str, Any] = {"score": 1.0, **given}
    for key in ("start", "end"):
        if type(item.get(key)) is not int:
            raise ValueError(f"entity {item!r}: {key} is no whole number")
    if not isinstance(item.get("label"), str) or not item["label"]:
        raise ValueError(f"entity {item!r} has no label")
    if _halved(item["label"]):
        raise ValueError(f"entity {item!r}: half of a surrogate pair stands in its label")
    if type(item["score"]) not in (int, float) or not 0 <= item["score"] <= 1:
        raise ValueError(f"entity {item!r}: score is no number from 0 to 1")
    return item


def write_jsonl(sentences: Iterable[Sentence], handle: TextIO) -> int:
    """Write sentences, an object a line; returns how many."""
    count = 0
    for sentence in sentences:
        count += 1
        handle.write(json.dumps(to_json(sentence), ensure_ascii=False) + "\n")
    return count


def to_json(sentence: Sentence) -> dict[str, Any]:
    """A sentence as the object that its line holds."""
    text, offsets = raw_text(sentence)
    values: dict[str, Any] = {} if sentence.id is None else {"id": sentence.id}
    values["text"] = text
    if offsets != split_words(text):
        values["words"] = list(sentence.words)
    if sentence.entities is not None:
        values["entities"] = [_entity(entity, offsets) for entity in sentence.entities]
    return values


def _entity(entity: Entity, offsets: tuple[Span, ...]) -> dict[str, Any]:
    start, end = character_span(entity, offsets)
    values: dict[str, Any] = {"start": start, "end": end, "label": entity.label}
    return values if entity.score == 1 else {**values, "score": entity.score}
