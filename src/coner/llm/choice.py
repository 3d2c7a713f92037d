"""One label out of an answer that should name one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from coner.llm.clean import cleaned
from coner.llm.labels import Labels
from coner.llm.loose_json import Pairs, find_values, read_exactly


def chosen(text: str, labels: Sequence[str]) -> str | None:
    """The label that an answer names; ``None`` where it names none of them, or several.

    Looked at, until one is found: the strings of its JSON; the text as a whole; its lines; its words.
    """
    known = Labels(labels)
    for strings in _readings(text):
        found = {label for label in map(known.match, strings) if label is not None}
        if found:
            return found.pop() if len(found) == 1 else None
    named = {label for label in labels if re.search(rf"(?<!\w){re.escape(label)}(?!\w)", text, re.IGNORECASE)}
    return named.pop() if len(named) == 1 else None


def _readings(text: str) -> Iterator[list[str]]:
    with suppress(ValueError):
        yield list(_strings(read_exactly(text)))
    rest = cleaned(text, "", Counter())
    yield [string for found in find_values(rest) for string in _strings(found.value)]
    yield [rest]
    yield [part for line in rest.splitlines() for part in (line, line.rpartition(":")[2])]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Pairs):
        for _, inner in value:
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
