"""One label out of an answer that should name one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from coner.families.llm.answers.cleaning import cleaned
from coner.families.llm.answers.labels import Labels
from coner.families.llm.answers.lenient_json import Pairs, find_values, read_exactly


def chosen(text: str, labels: Sequence[str], counts: Counter[str]) -> str | None:
    """The label that an answer names; ``None`` where it names none of them, or several.

    Looked at, until one is found: the strings of its JSON; then, without thinking, the text as a whole; its lines; its
    words. ``counts`` is told what was cut off.
    """
    known = Labels(labels)
    for strings in _readings(text, labels, counts):
        found = {label for label in map(known.match, strings) if label is not None}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _readings(text: str, labels: Sequence[str], counts: Counter[str]) -> Iterator[list[str]]:
    with suppress(ValueError):
        yield list(_strings(read_exactly(text)))
    rest = cleaned(text, "", counts)
    yield [string for found in find_values(rest) for string in _strings(found.value)]
    yield [rest]
    yield [part for line in rest.splitlines() for part in (line, line.rpartition(":")[2])]
    yield [label for label in labels if re.search(rf"(?<!\w){re.escape(label)}(?!\w)", rest, re.IGNORECASE)]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Pairs):
        for _, inner in value:
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
