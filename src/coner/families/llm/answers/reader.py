"""Read the mentions or the label in an answer: the requested JSON, JSON inside prose or cut off, or lines of text.

Unless an answer is valid JSON as a whole, thinking, echo and invented sentences are removed first. Of several JSON
values the last one that names a known label is taken, else the last with mentions; objects that are one mention each
are taken together. No text raises an error, and each dropped mention is counted (``events``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from coner.families.llm.answers.alignment import SurfaceMention
from coner.families.llm.answers.events import Event, add
from coner.families.llm.answers.lenient_json import Pairs, find_values, parse_strict
from coner.families.llm.answers.mentions import (
    LabelMatcher,
    RawMention,
    find_mentions,
    is_mention,
    read_line,
    says_none,
    sentence_number,
    split_by_sentence,
)

BySentence = dict[int, list[RawMention]]  # by sentence number; 0: the sentence is unknown
_THINKING = re.compile(r"<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_THINKING_END = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_NEXT_TURN = re.compile(r"(?<=[}\]`])[^\S\n]*+\n\s*+(?:Sentence:|Input:|User:|<\|im_start\|>).*", re.DOTALL)


class AnswerReader:
    """Reads answers with ``labels``; every repair and every dropped mention is counted in ``counts``."""

    def __init__(self, labels: LabelMatcher, counts: Counter[str]) -> None:
        self._labels = labels
        self._counts = counts

    def read(self, text: str, *, question: str, numbered: int | None) -> list[tuple[SurfaceMention, ...] | None]:
        """The mentions of each sentence in order; ``None`` for a sentence that the answer does not cover.

        The answer is to ``numbered`` sentences, or to one without a number; ``question`` is the end of the prompt.
        """
        count = numbered or 1
        by_sentence = self._by_sentence(text, question, numbered)
        if by_sentence is None:
            add(self._counts, Event.UNPARSABLE)
            add(self._counts, Event.UNANSWERED, count)
            return [None] * count
        raw = [by_sentence.pop(number, None) for number in range(1, count + 1)]
        add(self._counts, Event.UNANSWERED, raw.count(None))
        self._drop(Event.STRAY, sum(map(len, by_sentence.values())))
        return [None if mentions is None else self._with_known_labels(mentions) for mentions in raw]

    def _by_sentence(self, text: str, question: str, numbered: int | None) -> BySentence | None:
        if isinstance(value := parse_strict(text), list):
            return self._from_values([value], numbered)
        text = _clean(text, question, self._counts)
        if (found := self._from_values(find_values(text), numbered)) is not None:
            add(self._counts, Event.REPAIRED)
        elif (found := self._from_lines(text, numbered)) is not None:
            add(self._counts, Event.PLAIN)
        return found

    def _from_values(self, values: list[Any], numbered: int | None) -> BySentence | None:
        if numbered is not None and (split := _split_values(values, numbered)) is not None:
            parts, drafts = split
            self._drop(Event.SUPERSEDED, len(self._mentions(drafts)))
            return {number: self._mentions(inside) for number, inside in parts.items()}
        answers = [value for value in values if self._is_answer(value)]
        if not answers:
            return None
        full = [value for value in answers if self._mentions([value])]
        known = [value for value in full if self._names_label(value)]
        single_mentions = (some for some in (full, known) if some and all(map(is_mention, some)))
        chosen = next(single_mentions, (known or full or answers)[-1:])
        taken = set(map(id, chosen))
        drafts = [value for value in answers if id(value) not in taken]
        self._drop(Event.SUPERSEDED, len(self._mentions(drafts)))
        return {1 if numbered in (None, 1) else 0: self._mentions(chosen)}

    def _from_lines(self, text: str, numbered: int | None) -> BySentence | None:
        if says_none(text):
            return {number: [] for number in range(1, (numbered or 1) + 1)}
        found: BySentence = {}
        current = 1 if numbered in (None, 1) else 0
        for line in text.splitlines():
            if numbered is not None and (number := sentence_number(line)) is not None:
                current = number
                found.setdefault(current, [])
            elif (mention := read_line(line, self._labels)) is not None:
                found.setdefault(current, []).append(mention)
        return found or None

    def _is_answer(self, value: Any) -> bool:
        """Whether a value is about mentions, and not some brackets in prose."""
        if isinstance(value, Pairs):
            return not value or any(key for key, _ in value)
        lists = not value or any(isinstance(part, list) for part in value)
        return lists or any(label is not None for _, label in find_mentions(value, self._labels))

    def _names_label(self, value: Any) -> bool:
        """Whether a mention has a known label; a note such as ``{"confidence": "high"}`` looks like a mention too."""
        return any(self._labels.match(label or "") for _, label in self._mentions([value]))

    def _mentions(self, values: Iterable[Any]) -> list[RawMention]:
        return [mention for value in values for mention in find_mentions(value, self._labels)]

    def _with_known_labels(self, mentions: Sequence[RawMention]) -> tuple[SurfaceMention, ...]:
        add(self._counts, Event.MENTIONS, len(mentions))
        kept = []
        for text, label in mentions:
            if label is None or not text.strip():
                add(self._counts, Event.INCOMPLETE)
            elif (known := self._labels.match(label)) is not None:
                add(self._counts, Event.LABEL, known != label)
                kept.append(SurfaceMention(text, known))
            else:
                add(self._counts, Event.COARSE_LABEL if self._labels.is_group(label) else Event.UNKNOWN_LABEL)
        return tuple(kept)

    def _drop(self, event: Event, count: int) -> None:
        add(self._counts, Event.MENTIONS, count)
        add(self._counts, event, count)


def _split_values(values: list[Any], count: int) -> tuple[dict[int, list[Any]], list[Any]] | None:
    """The parts of an answer by sentence, and the drafts before it.

    The last value alone if it covers every sentence, else all values together.
    """
    last = split_by_sentence(values[-1], count) if values else None
    if last is not None and set(range(1, count + 1)) <= set(last):
        return last, values[:-1]
    together = split_by_sentence(values, count) if len(values) > 1 else last
    return None if together is None else (together, [])


def read_label(text: str, labels: Sequence[str], counts: Counter[str]) -> str | None:
    """The label that an answer names; ``None`` if it names none, or several.

    Searched in this order: strings of its JSON; then, without thinking, the whole text, its lines, and its words.
    """
    matcher = LabelMatcher(labels)
    for strings in _readings(text, labels, counts):
        if found := {label for label in map(matcher.match, strings) if label is not None}:
            return found.pop() if len(found) == 1 else None
    return None


def _readings(text: str, labels: Sequence[str], counts: Counter[str]) -> Iterator[list[str]]:
    yield list(_strings(parse_strict(text)))
    rest = _clean(text, "", counts)
    yield list(_strings(find_values(rest)))
    yield [rest]
    yield [part for line in rest.splitlines() for part in (line, line.rpartition(":")[2])]
    yield [label for label in labels if re.search(rf"(?<!\w){re.escape(label)}(?!\w)", rest, re.IGNORECASE)]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for inner in [item for _, item in value] if isinstance(value, Pairs) else value:
            yield from _strings(inner)


def _clean(text: str, question: str, counts: Counter[str]) -> str:
    """Remove thinking, an echo of the question at the end of the prompt, and invented further sentences.

    A thinking block without an end tag extends to the end of the answer, one without a start tag from its beginning.
    """
    rest = _THINKING_END.split(_THINKING.sub("", text))[-1]
    add(counts, Event.THINKING, rest != text)
    if question and question in rest:
        add(counts, Event.ECHO)
        before, _, after = rest.rpartition(question)
        rest = after if after.strip() else before
    kept = _NEXT_TURN.sub("", rest)
    add(counts, Event.RUN_ON, kept != rest)
    return kept.strip()
