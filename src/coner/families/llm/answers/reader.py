"""Answers read, whatever form they have: JSON as asked for, JSON between talk or cut off, or a list of lines.

What is read, first to last: valid JSON and nothing else; else, without thinking, echo and made-up sentences, the JSON
values in the text (the last one that names a known label, else mentions; objects that are one mention each count
together); else the lines.
Nothing here raises on any text, and each mention that is not kept is counted (``tally``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from coner.families.llm.answers.alignment import Mention
from coner.families.llm.answers.cleaning import cleaned
from coner.families.llm.answers.json_mentions import by_number, is_mention, written
from coner.families.llm.answers.labels import Labels
from coner.families.llm.answers.lenient_json import Pairs, find_values, read_exactly
from coner.families.llm.answers.line_list import Written, heading, read_line, says_none
from coner.families.llm.answers.outcomes import Rule, add

Read = list[tuple[Mention, ...] | None]
"""Of each sentence its mentions in order; ``None``: the answer says nothing of it."""


class Reader:
    """Reads answers.

    Args:
        labels: that were asked for.
        counts: told of everything that is mended or not kept.
    """

    def __init__(self, labels: Labels, counts: Counter[str]) -> None:
        self._labels = labels
        self._counts = counts

    def read(self, text: str, *, asked: str, numbered: int | None) -> Read:
        """The mentions that an answer names.

        Args:
            text: the answer.
            asked: what the prompt ended with.
            numbered: how many numbered sentences were asked for; ``None``: one without a number.
        """
        found = self._json(text, asked, numbered)
        count = numbered or 1
        if found is None:
            add(self._counts, Rule.UNPARSABLE)
            add(self._counts, Rule.UNANSWERED, count)
            return [None] * count
        read: Read = []
        for number in range(1, count + 1):
            items = found.pop(number, None)
            add(self._counts, Rule.UNANSWERED, items is None)
            read.append(None if items is None else self._known(items))
        self._drop(Rule.STRAY, sum(map(len, found.values())))
        return read

    def _json(self, text: str, asked: str, numbered: int | None) -> dict[int, list[Written]] | None:
        try:
            values = [read_exactly(text)]
        except ValueError:
            values = []
        if not values or not isinstance(values[0], list):
            text = cleaned(text, asked, self._counts)
            values = [found.value for found in find_values(text)]
            by_sentence = self._of_values(values, numbered)
            if by_sentence is None:
                return self._lines(text, numbered)
            add(self._counts, Rule.MENDED)
            return by_sentence
        return self._of_values(values, numbered)

    def _of_values(self, values: list[Any], numbered: int | None) -> dict[int, list[Written]] | None:
        """Mentions by sentence (0: of none); ``None`` where no value is an answer."""
        if numbered is not None and (found := _parts(values, numbered)) is not None:
            parts, drafts = found
            self._drop(Rule.SUPERSEDED, len(self._written(drafts)))
            return {number: self._written(inside) for number, inside in parts.items()}
        answers = [value for value in values if self._is_answer(value)]
        if not answers:
            return None
        full = [value for value in answers if self._written([value])]
        known = [value for value in full if self._names_label(value)]
        mentions = (some for some in (full, known) if some and all(map(is_mention, some)))
        chosen = next(mentions, (known or full or answers)[-1:])
        drafts = [value for value in answers if not any(value is one for one in chosen)]
        self._drop(Rule.SUPERSEDED, len(self._written(drafts)))
        return {0 if numbered is not None and numbered > 1 else 1: self._written(chosen)}

    def _is_answer(self, value: Any) -> bool:
        """It says something of mentions, and is not some brackets in talk."""
        if isinstance(value, Pairs):
            return not value or any(key for key, _ in value)
        lists = not value or any(isinstance(part, list) for part in value)
        return lists or any(label is not None for _, label in written(value, self._labels))

    def _names_label(self, value: Any) -> bool:
        """Of a mention; a note beside the answer (``{"confidence": "high"}``) looks like one, but for its label."""
        return any(self._labels.match(label or "") for _, label in self._written([value]))

    def _written(self, values: Iterable[Any]) -> list[Written]:
        return [item for value in values for item in written(value, self._labels)]

    def _lines(self, text: str, numbered: int | None) -> dict[int, list[Written]] | None:
        if says_none(text):
            add(self._counts, Rule.PLAIN)
            return {number: [] for number in range(1, (numbered or 1) + 1)}
        found: dict[int, list[Written]] = {}
        current = 1 if numbered in (None, 1) else 0
        for line in text.splitlines():
            if numbered is not None and (number := heading(line)) is not None:
                current = number
                found.setdefault(current, [])
            elif (item := read_line(line, self._labels)) is not None:
                found.setdefault(current, []).append(item)
        if not found:
            return None
        add(self._counts, Rule.PLAIN)
        return found

    def _known(self, items: Sequence[Written]) -> tuple[Mention, ...]:
        """Those with words and a label that was asked for."""
        add(self._counts, Rule.MENTIONS, len(items))
        kept = []
        for words, label in items:
            if label is None or not words.strip():
                add(self._counts, Rule.INCOMPLETE)
            elif (known := self._labels.match(label)) is not None:
                add(self._counts, Rule.LABEL, known != label)
                kept.append(Mention(words, known))
            else:
                add(self._counts, Rule.COARSE_LABEL if self._labels.is_group(label) else Rule.UNKNOWN_LABEL)
        return tuple(kept)

    def _drop(self, rule: Rule, count: int) -> None:
        add(self._counts, Rule.MENTIONS, count)
        add(self._counts, rule, count)


def _parts(values: list[Any], count: int) -> tuple[dict[int, list[Any]], list[Any]] | None:
    """By sentence, and the values that are drafts of it.

    The last value alone where it tells of every sentence; else all values together.
    """
    last = by_number(values[-1], count) if values else None
    if last is not None and set(range(1, count + 1)) <= set(last):
        return last, values[:-1]
    together = by_number(values, count) if len(values) > 1 else last
    return None if together is None else (together, [])
