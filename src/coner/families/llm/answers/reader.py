"""Read the mentions in an answer: the JSON asked for, JSON inside prose or cut off, or a list of lines.

An answer that is not valid JSON and nothing else is first cleaned of thinking, echo and invented sentences. Of several
JSON values the last one that names a known label is taken, else the last with mentions; objects that are one mention
each are taken together. No text raises an error, and each mention that is dropped is counted (``events``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from coner.families.llm.answers.alignment import SurfaceMention
from coner.families.llm.answers.cleaning import clean_answer
from coner.families.llm.answers.events import Event, add
from coner.families.llm.answers.labels import LabelMatcher
from coner.families.llm.answers.lenient_json import Pairs, find_values, parse_strict
from coner.families.llm.answers.mentions import (
    RawMention,
    find_mentions,
    is_mention,
    read_line,
    says_none,
    sentence_number,
    split_by_sentence,
)

BySentence = dict[int, list[RawMention]]
"""Mentions by sentence number; 0: the sentence is unknown."""


class AnswerReader:
    """Reads answers.

    Args:
        labels: the labels that were asked for.
        counts: counts every repair and every dropped mention.
    """

    def __init__(self, labels: LabelMatcher, counts: Counter[str]) -> None:
        self._labels = labels
        self._counts = counts

    def read(self, text: str, *, question: str, numbered: int | None) -> list[tuple[SurfaceMention, ...] | None]:
        """The mentions of each sentence in order; ``None`` for a sentence that the answer does not cover.

        Args:
            text: the answer.
            question: end of the prompt.
            numbered: how many numbered sentences were asked about; ``None``: one without a number.
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
        try:
            value = parse_strict(text)
        except ValueError:
            value = None
        if isinstance(value, list):
            return self._from_values([value], numbered)
        text = clean_answer(text, question, self._counts)
        found = self._from_values(find_values(text), numbered)
        if found is not None:
            add(self._counts, Event.REPAIRED)
            return found
        found = self._from_lines(text, numbered)
        add(self._counts, Event.PLAIN, found is not None)
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
        drafts = [value for value in answers if not any(value is one for one in chosen)]
        self._drop(Event.SUPERSEDED, len(self._mentions(drafts)))
        return {0 if numbered is not None and numbered > 1 else 1: self._mentions(chosen)}

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
