"""Read an answer that should name one label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from coner.families.llm.answers.cleaning import clean_answer
from coner.families.llm.answers.labels import LabelMatcher
from coner.families.llm.answers.lenient_json import Pairs, find_values, parse_strict


def read_label(text: str, labels: Sequence[str], counts: Counter[str]) -> str | None:
    """The label that an answer names; ``None`` if it names none, or several.

    Searched in turn: the strings of its JSON; then, without thinking, the whole text, its lines and its words.
    ``counts`` counts what is removed.
    """
    matcher = LabelMatcher(labels)
    for strings in _readings(text, labels, counts):
        found = {label for label in map(matcher.match, strings) if label is not None}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _readings(text: str, labels: Sequence[str], counts: Counter[str]) -> Iterator[list[str]]:
    with suppress(ValueError):
        yield list(_strings(parse_strict(text)))
    rest = clean_answer(text, "", counts)
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
