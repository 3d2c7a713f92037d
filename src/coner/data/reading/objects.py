"""Readers of JSON objects, one per sentence or document, in any of the forms of ``reading.keys``.

Text that other tools annotated is a document: each of its lines is a sentence. An object in coner's own form, with
words, or with tags is one sentence. Labels under a key that is not read are counted; such an object has no labels.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Unpack

from coner.core.counted import counted
from coner.core.types import Entity, Sentence
from coner.core.untrusted import is_text
from coner.data.reading import keys
from coner.data.reading.forms import WORDS as FORMS
from coner.data.reading.forms import usual_form
from coner.data.reading.offsets import Claim, find_offsets
from coner.data.reading.reader import ReadOptions
from coner.data.reading.spans import Mark, SpanReader, align_words, check_words
from coner.data.reading.tools import tool_objects
from coner.data.reading.words import Span, lone_surrogate

Values = Mapping[str, Any]
Words = list[str] | None
QuotedMark = tuple[Mark, str | None]  # a span as an object has it, and the text that it repeats, if it does
NO_GOLD = "expected gold labels (an empty list if there are none)"


class ObjectReader(SpanReader):
    """Base class of the readers of objects."""

    unit = "object"
    read_keys = f"them under one of: {', '.join(map(repr, dict.fromkeys((*keys.SPANS, *keys.TAGS))))}"
    fix = 'rename the key to "entities" if it holds spans, or to "ner_tags"'
    file_names: Mapping[str, str] = {}  # of tags that are ids, if the file says them once

    def __init__(self, path: str | Path, **options: Unpack[ReadOptions]) -> None:
        super().__init__(path, **options)
        self._text_key = options.get("text")
        self._usual: tuple[str, ...] = keys.TEXTS  # keys of the text, the first one that an object has
        self._unread: Counter[str] = Counter()  # annotations, by the key under which they are not read
        self._first_unread, self._example = 0, None  # its place, and the first of them

    def _objects(self, items: Iterable[Any], parse: Callable[[Any, int], Iterable[Sentence]]) -> Iterator[Sentence]:
        """The sentences of all objects; an error at the end if all annotations are under keys that are not read."""
        labelled = False
        for sentence in self._each(items, parse):
            labelled = labelled or sentence.entities is not None
            yield sentence
        if self._unread and not labelled and not self._predicted:
            expected, fix = f"; expected {self.read_keys}", self.fix
            if self._unread.keys() <= {*keys.SPANS, *keys.TAGS}:
                expected = f", in a form that is not read, {self._example!r:.120}; expected {keys.FORM_OF_SPANS}"
                fix = "write the spans so"
            raise self.error(self._first_unread, f"got annotations only under {self._named()}{expected}. Fix: {fix}")

    def _named(self) -> str:
        return ", ".join(f"{key!r:.80}" for key, _ in self._unread.most_common(5))

    def _object(self, item: Any, number: int) -> Iterable[Sentence]:
        """The sentences of an object; ``ValueError`` if it is malformed."""
        if (found := tool_objects(item)) is not None:
            self.ignored.update(found[1])
            return [sentence for inner in found[0] for sentence in self._object(inner, number)]
        values = {"text": item[0], **item[1]} if keys.is_pair(item) else item
        if not isinstance(values, dict):
            raise ValueError(f"got a JSON {type(item).__name__}; expected an object ({keys.FORMS})")
        values = usual_form(values)
        if values.get("answer") in ("reject", "ignore"):
            self.ignored[f"objects with answer {values['answer']!r}"] += 1
            return []
        id = values.get("id")
        if not isinstance(id, str | int | None) or lone_surrogate(str(id)) is not None:
            raise ValueError(f"got id {id!r:.80}; expected a string")
        if values.get("_view_id") == "ner":  # of prodigy: a decision about one span
            self.ignored["objects that say nothing of words outside of their span"] += 1
        name, words = self._words(values)
        key = keys.label_key(values, words)
        unread = self._count_unread(values, (name, key), words, number)
        labels = None if key is None or (unread and not values[key]) else values[key]
        if labels is None and self._gold:
            got = f"got annotations only under {self._named()}" if unread else 'got no "entities"'
            raise self.error(number, f"{got}; {NO_GOLD}" + f". Fix: {self.fix}" * unread)
        if words is not None and labels is not None and keys.is_flat(labels):
            return [self._tagged(values, words, str(key), number)]
        spans = [] if labels is None else [_span(item, number, self._names) for item in labels]
        of_words = name == "tokenized_text" and key == "ner"
        text, offsets = self._align(values, words, () if of_words else spans)
        spans = _of_words(spans, offsets) if of_words else spans
        marks = None if labels is None else list(self._marks(spans, text, number, guess=words is None))
        if name == "words" or (item is values and key in (None, "entities") and keys.is_own(values)):
            entities = None if marks is None else self._place(marks, len(text), offsets)
            return [_sentence(text, offsets, entities, values, number)]
        if words is None:
            return self._document(text, marks, id=id, number=number)
        return self._cut(text, _lines(text, offsets), marks, id=id, number=number)

    def _words(self, values: Values) -> tuple[str | None, Words]:
        """The key of the words and the words, if the object has them."""
        chosen = self._text_key if isinstance(values.get(self._text_key or ""), list) else None
        name = chosen or next((key for key in keys.WORDS if values.get(key) is not None), None)
        words = None if name is None else values[name]
        if isinstance(words, list) and words and all(isinstance(word, dict) for word in words):
            text = values["text"] if isinstance(values.get("text"), str) else ""
            words = [_form(word, text[_at(word, keys.STARTS) : _at(word, keys.ENDS)]) for word in words]
            words = [word for word in words if not isinstance(word, str) or word.strip()]  # of prodigy, and spaCy
        if name is not None:
            check_words(name, words)
        return name, words

    def _texts(self, values: Values) -> dict[str, str]:
        if self._text_key is None:
            return {key: value for key, value in values.items() if isinstance(value, str) and key != "id"}
        return {key: value for key, value in values.items() if isinstance(value, str) and key == self._text_key}

    def _key_of_text(self, texts: Mapping[str, str], claims: Sequence[Claim]) -> str | None:
        """The key of the text among those of strings; one that repeated texts prove is that of later objects too."""
        key = keys.text_key(texts, claims, self._usual if self._text_key is None else (self._text_key,))
        if key is not None and key not in self._usual:
            self._usual = (key, *self._usual)
        return key

    def _align(self, values: Values, words: Words, spans: Sequence[QuotedMark]) -> tuple[str, tuple[Span, ...]]:
        """The text of an object and the spans of its words."""
        key = self._key_of_text(self._texts(values), claims_of(spans))
        if key is None and words is not None and spans and not keys.is_own(values):
            raise ValueError('got spans without the text that they count; expected "text", or the keys of GLiNER')
        if key is None and words is None:
            expected = f"a string {self._text_key!r}" if self._text_key else 'a string "text", or "words"'
            raise ValueError(f"got an object with {list(values)!r:.200}; expected {expected}, or --text KEY")
        return align_words({"text": None if key is None else values[key], "words": words}, self._split)

    def _tagged(self, values: Values, words: list[str], key: str, number: int) -> Sentence:
        tags = values[key]
        if len(tags) != len(words):
            raise ValueError(f"got {len(tags)} {key} for {counted(len(words), 'word')}; expected a tag per word")
        text, offsets = self._align(values, words, ())
        names = {**self.file_names, **keys.tag_names(values, key), **self._names} if int in map(type, tags) else {}
        unnamed = sorted({tag for tag in tags if type(tag) is int and str(tag) not in names})
        if unnamed:
            got = f"got numbers as {key} without names: {', '.join(map(str, unnamed[:5]))}"
            fix = f'--rename {unnamed[0]}=O for each, or "{key}_names": ["O", ...] in the object'
            raise self.error(number, f"{got}; expected names. Fix: {fix}")
        for tag in tags if self._unnamed else ():
            self._unnamed.pop(str(tag), None)
        read = self._from_tags([names[str(tag)] if type(tag) is int else tag for tag in tags], number)
        return _sentence(text, offsets, read, values, number)

    def _marks(self, spans: Sequence[QuotedMark], text: str, number: int, *, guess: bool = True) -> Iterator[Mark]:
        """The spans of an object in code points; without ``guess`` only repeated texts show another unit."""
        claims, places = claims_of(spans), [(mark.start, mark.end) for mark, _ in spans]
        offsets = self._offsets(text, claims, places) if guess else find_offsets(text, claims)
        for mark, own in spans:
            if own is None and offsets.span(mark.start, mark.end) == (mark.start, mark.end):
                yield mark  # most of them: no text to compare, no other unit
            elif (span := self._find([(mark.start, mark.end)], own, offsets, str(mark), number)) is not None:
                yield replace(mark, start=span[0], end=span[1])

    def _count_unread(self, values: Values, read: Sequence[str | None], words: Words, number: int) -> bool:
        """Count labels that are not read; whether some of them are annotations."""
        found = False
        for key, value in values.items():
            is_id = key == "id" and isinstance(value, str)  # which may look like a tag
            if not value or is_id or key in (*read, *keys.NAMES, f"{read[1]}_names"):
                continue
            if key == "relations" and isinstance(value, list):
                self.ignored["relations"] += len(value)
            elif key not in keys.TEXTS and (count := keys.count_annotations(key, value, words)):
                self._unread[key] += count
                self._first_unread, self._example = self._first_unread or number, self._example or value
                self.ignored[f"annotations under {key!r:.80}"] += count
                found = True
            elif key in keys.TAGS or (words is not None and keys.is_flat(value) and len(value) == len(words)):
                self.ignored[f"labels under {key!r:.80}"] += 1
        return found


def _sentence(
    text: str, offsets: Sequence[Span], entities: tuple[Entity, ...] | None, values: Values, number: int
) -> Sentence:
    words, id = tuple([text[a:b] for a, b in offsets]), values.get("id")
    return Sentence(words, entities, None if id is None else str(id), text=text, offsets=tuple(offsets), line=number)


def claims_of(spans: Iterable[QuotedMark]) -> list[Claim]:
    """The spans that repeat their texts."""
    return [([(mark.start, mark.end)], text) for mark, text in spans if text is not None]


def _at(item: Values, names: Sequence[str]) -> int:
    place = keys.first_of(names, item)
    return place if type(place) is int else 0


def _form(token: Values, covered: str) -> Any:
    """The word of an object of a token: its own, else the text that it covers."""
    return next((token[key] for key in FORMS if key in token), covered)


def _span(item: Any, number: int, names: Mapping[str, str]) -> QuotedMark:
    """A span as an object has it, and the text that it repeats, if it does."""
    if isinstance(item, list) and len(item) == 3:
        item = dict(zip(("start", "end", "label"), keys.label_last(item), strict=True))
    if not isinstance(item, dict):
        raise ValueError(f"got entity {item!r:.200}; expected an object, or [start, end, label]")
    first, last, label = (keys.first_of(names, item) for names in (keys.STARTS, keys.ENDS, keys.LABELS))
    start, end = keys.whole(first), keys.whole(last)
    if start is None or end is None:
        name, place = ("start", first) if start is None else ("end", last)
        got = f"got {name} {place!r:.80}; expected a whole number"
        missing = f"got no {name}; expected {keys.FORM_OF_SPANS}"
        raise ValueError(f"entity {item!r:.200}: {missing if place is None else got}")
    label = label[0] if isinstance(label, list) and len(label) == 1 else label
    if isinstance(label, dict):  # of flair
        item, label = {"score": label.get("confidence"), **item}, label.get("value")
    label = str(label) if type(label) is int and str(label) in names else label
    if not isinstance(label, str) or not label or lone_surrogate(label) is not None:
        expected = "a non-empty string of whole characters" + f", or --rename {label}=NAME" * (type(label) is int)
        raise ValueError(f"entity {item!r:.200}: got label {label!r:.80}; expected {expected}")
    score = 1.0 if item.get("score") is None else item["score"]
    if type(score) not in (int, float) or not 0 <= score <= 1:
        raise ValueError(f"entity {item!r:.200}: got score {score!r:.80}; expected a number from 0 to 1")
    repeated, link = item.get("text"), item.get("kb_id") or ""
    if not is_text(link):
        raise ValueError(f"entity {item!r:.200}: got kb_id {link!r:.80}; expected a string in one line")
    return Mark(start, end, label, score, number, link), repeated if isinstance(repeated, str) else None


def _of_words(spans: Sequence[QuotedMark], offsets: Sequence[Span]) -> list[QuotedMark]:
    """Spans of the first and the last word as spans of characters."""
    placed: list[QuotedMark] = []
    for mark, _ in spans:
        if not 0 <= mark.start <= mark.end < len(offsets):
            raise ValueError(f"{mark} covers other words than the {len(offsets)} of the sentence")
        placed.append((replace(mark, start=offsets[mark.start][0], end=offsets[mark.end][1]), None))
    return placed


def _lines(text: str, offsets: Sequence[Span]) -> list[tuple[Span, list[Span]]]:
    """The words of each line of a text, with the span from the first to the last of them."""
    ends = [match.start() for match in re.finditer("\n", text)]
    lines = [list(words) for _, words in groupby(offsets, key=lambda span: bisect_left(ends, span[0]))]
    return [((words[0][0], words[-1][1]) if len(lines) > 1 else (0, len(text)), words) for words in lines]
