"""Read labels as language models write them: match one to the taxonomy, find one in an answer."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from coner.data.taxonomy import Taxonomy
from coner.families.llm.answers.cleaning import clean_answer
from coner.families.llm.answers.lenient_json import Pairs, find_values, parse_strict


class LabelMatcher:
    """Matches labels regardless of case, spaces, accents, punctuation and a group in front (``Person: Artist``).

    Labels that differ in nothing else must be written exactly.

    Args:
        names: the labels that are accepted.
        groups: coarse labels: recognized, and not accepted.
        prefixed: each name with its group in front, in the order of the names.
    """

    def __init__(self, names: Sequence[str], groups: Iterable[str] = (), *, prefixed: Iterable[str] = ()) -> None:
        self.names = tuple(names)
        self._exact = frozenset(names)
        alone = _unambiguous(zip(map(fold_label, names), names, strict=True))
        self._folded = _unambiguous(zip(map(fold_label, prefixed), names, strict=False)) | alone
        self._groups = {fold_label(group) for group in groups}

    @classmethod
    def of_classes(cls, taxonomy: Taxonomy) -> LabelMatcher:
        """Accepts the fine labels of a taxonomy, and recognizes its groups."""
        prefixed = [coarse + fine for fine, coarse in taxonomy.coarse_by_fine.items()]
        return cls(taxonomy.labels, taxonomy.coarse_labels, prefixed=prefixed)

    def match(self, text: str) -> str | None:
        """The accepted label that the text stands for, or ``None``."""
        return text if text in self._exact else self._folded.get(fold_label(text))

    def is_group(self, text: str) -> bool:
        """Whether the text names a group and no accepted label."""
        return self.match(text) is None and fold_label(text) in self._groups


def fold_label(text: str) -> str:
    """Only the letters and digits, without case and accents."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in folded if character.isalnum())


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A dictionary without the empty key and the keys that have several values."""
    values = defaultdict[str, set[str]](set)
    for key, value in pairs:
        values[key].add(value)
    return {key: next(iter(options)) for key, options in values.items() if key and len(options) == 1}


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
