"""Mentions within a JSON value, whatever shape a model gave it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from coner.families.llm.answers.labels import Labels, fold_label
from coner.families.llm.answers.lenient_json import Pairs
from coner.families.llm.answers.line_list import Written, read_line, says_none

_TEXT = frozenset({"text", "entity", "mention", "name", "span", "surface", "word", "words", "value", "phrase"})
_LABEL = frozenset({"label", "type", "class", "category", "tag", "entitytype", "entitylabel", "ner"})
_NUMBER = frozenset({"sentence", "sentencenumber", "sentenceid", "number", "id", "index", "n", "no"})
LONGEST_KEY = 40  # characters; a longer key is no number
_NUMBERED = re.compile(r"\W*(?:sentence)?[\W_]*(\d{1,6})\W*", re.IGNORECASE)


def written(value: Any, labels: Labels) -> Iterator[Written]:
    """Words and label of each mention, in order; no label: incomplete."""
    if isinstance(value, Pairs):
        yield from _of_object(value, labels)
    elif isinstance(value, list):
        if len(value) == 2 and all(isinstance(item, str) for item in value) and labels.match(value[1]):
            yield value[0], value[1]
            return
        for item in value:
            if isinstance(item, str):
                if not says_none(item):
                    yield read_line(item, labels) or (item, None)
            else:
                yield from written(item, labels)


def _of_object(pairs: Pairs, labels: Labels) -> Iterator[Written]:
    inner = [(key, value) for key, value in pairs if isinstance(value, list)]
    texts = [value for key, value in pairs if fold_label(key) in _TEXT and isinstance(value, str)]
    names = [value for key, value in pairs if fold_label(key) in _LABEL and isinstance(value, str)]
    if names or (texts and not inner):
        for text, name in zip_longest(texts, names):
            yield text or "", name
    elif not inner:  # words: label, or label: words
        for key, value in pairs:
            if isinstance(value, str) and fold_label(key) not in _NUMBER and not says_none(value):
                turned = labels.match(value) is None and labels.match(key) is not None
                yield (value, key) if turned else (key, value)
    for key, value in inner:
        if labels.match(key) and all(isinstance(item, str) for item in value) and not isinstance(value, Pairs):
            yield from ((item, key) for item in value)
        else:
            yield from written(value, labels)


def is_mention(value: Any) -> bool:
    """An object with words of its own, and not one that holds such objects."""
    if not isinstance(value, Pairs) or any(isinstance(item, list) for _, item in value):
        return False
    return any(fold_label(key) in _TEXT and isinstance(item, str) for key, item in value)


def by_number(value: Any, count: int) -> dict[int, list[Any]] | None:
    """The parts of an answer by the number of their sentence; ``None`` where it has no such form.

    Either an object with numbers as keys, or a list of objects that each tell their number, or a list with one part a
    sentence; also within an object of one key.

    Args:
        value: of the answer.
        count: of the sentences.
    """
    if isinstance(value, Pairs):
        return _parts_of_object(value, count)
    if not isinstance(value, list) or not value:
        return None
    each = [by_number(part, count) if isinstance(part, Pairs) else None for part in value]
    if any(each):
        parts: dict[int, list[Any]] = {}
        for part, known in zip(value, each, strict=True):
            for number, inside in (known or {0: [part]}).items():
                parts.setdefault(number, []).extend(inside)
        return parts
    if len(value) == count and all(isinstance(part, list) and not is_mention(part) for part in value):
        return {number: [part] for number, part in enumerate(value, 1)}
    return None


def _parts_of_object(pairs: Pairs, count: int) -> dict[int, list[Any]] | None:
    own = next((_number(part) for key, part in pairs if fold_label(key) in _NUMBER and isinstance(part, str)), None)
    if own is not None:
        return {own: [pairs]}
    numbered = [(_number(key), part) for key, part in pairs]
    if any(number is not None for number, _ in numbered):
        parts: dict[int, list[Any]] = {}
        for number, part in numbered:
            parts.setdefault(number or 0, []).append([part] if isinstance(part, str) else part)
        return parts
    inner = [part for _, part in pairs if isinstance(part, list)]
    return by_number(inner[0], count) if len(inner) == 1 else None


def _number(text: str) -> int | None:
    found = _NUMBERED.fullmatch(text) if len(text) <= LONGEST_KEY else None
    return int(found[1]) if found else None
