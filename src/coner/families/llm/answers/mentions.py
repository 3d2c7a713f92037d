"""Find mentions in a JSON value or in lines of text, in any common layout, and match their labels."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from coner.data.taxonomy import Taxonomy
from coner.families.llm.answers.lenient_json import Pairs

RawMention = tuple[str, str | None]  # text and label as the model wrote them; label None: incomplete
_TEXT_KEYS = frozenset({"text", "entity", "mention", "name", "span", "surface", "word", "words", "value", "phrase"})
_LABEL_KEYS = frozenset({"label", "type", "class", "category", "tag", "entitytype", "entitylabel", "ner"})
_NUMBER_KEYS = frozenset({"sentence", "sentencenumber", "sentenceid", "number", "id", "index", "n", "no"})
_NUMBER = re.compile(r"\W*(?:sentence)?[\W_]*(\d{1,6})\W*", re.IGNORECASE)
MAX_KEY = 40  # characters; a longer key is not a number
_BULLET = re.compile(r"^\s*(?:[-*•–+>]\s+|\(?\d{1,3}[.)]\s+)*")
_HEADING = re.compile(r"^\W*(?:sentence\s*)?(\d{1,3})\W*$", re.IGNORECASE)
_NONE = re.compile(r"\W*(?:none|no(?: named)? entit(?:y|ies)(?: \w+)?|n/a|nothing|empty)\W*", re.IGNORECASE)
# From the safest separator to those that names may contain.
_SEPARATORS = (r"\s*\|\s*", r"\t+", r"\s*(?:->|=>|→|⇒)\s*", r"\s*:\s+", r"\s*=\s*", r"\s+[-–—]\s+", r"\s*:\s*")
_BRACKETS = re.compile(r"^(.*\S)\s*[(\[{<]([^()\[\]{}<>]+)[)\]}>]\W*$")
MAX_LINE = 1000  # characters; a longer line is prose
_QUOTES = "\"'`“”‘’«»*_ "


class LabelMatcher:
    """Matches labels regardless of case, spaces, accents, punctuation and a group as prefix (``Person: Artist``).

    Labels that differ only in these must be written exactly.

    Args:
        names: the accepted labels.
        groups: coarse labels, recognised and not accepted.
        prefixed: ``names`` with their groups as prefixes, accepted too.
    """

    def __init__(self, names: Sequence[str], groups: Iterable[str] = (), *, prefixed: Iterable[str] = ()) -> None:
        self._exact = frozenset(names)
        alone = _unambiguous(zip(map(_fold, names), names, strict=True))
        self._folded = _unambiguous(zip(map(_fold, prefixed), names, strict=False)) | alone
        self._groups = {_fold(group) for group in groups}

    @classmethod
    def of_classes(cls, taxonomy: Taxonomy) -> LabelMatcher:
        """Accepts the fine labels of a taxonomy, and recognises its groups."""
        prefixed = [coarse + fine for fine, coarse in taxonomy.coarse_by_fine.items()]
        return cls(taxonomy.labels, taxonomy.coarse_labels, prefixed=prefixed)

    def match(self, text: str) -> str | None:
        """The accepted label that the text stands for, or ``None``."""
        return text if text in self._exact else self._folded.get(_fold(text))

    def is_group(self, text: str) -> bool:
        """Whether a text that matches no accepted label names a group."""
        return _fold(text) in self._groups


def _fold(text: str) -> str:
    """Only the letters and digits, without case and accents."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in folded if character.isalnum())


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values = defaultdict[str, set[str]](set)
    for key, value in pairs:
        values[key].add(value)
    return {key: next(iter(options)) for key, options in values.items() if key and len(options) == 1}


def find_mentions(value: Any, labels: LabelMatcher) -> Iterator[RawMention]:
    """Text and label of each mention in a value, in order."""
    if isinstance(value, Pairs):
        yield from _in_object(value, labels)
    elif isinstance(value, list):
        if len(value) == 2 and all(isinstance(item, str) for item in value) and labels.match(value[1]):
            yield value[0], value[1]
            return
        for item in value:
            if not isinstance(item, str):
                yield from find_mentions(item, labels)
            elif not says_none(item):
                yield read_line(item, labels) or (item, None)


def _in_object(pairs: Pairs, labels: LabelMatcher) -> Iterator[RawMention]:
    containers = [(key, value) for key, value in pairs if isinstance(value, list)]
    texts = [value for key, value in pairs if _fold(key) in _TEXT_KEYS and isinstance(value, str)]
    names = [value for key, value in pairs if _fold(key) in _LABEL_KEYS and isinstance(value, str)]
    if names or (texts and not containers):
        for text, name in zip_longest(texts, names):
            yield text or "", name
    elif not containers:  # {text: label} or {label: text}
        for key, value in pairs:
            if isinstance(value, str) and _fold(key) not in _NUMBER_KEYS and not says_none(value):
                label_first = labels.match(value) is None and labels.match(key) is not None
                yield (value, key) if label_first else (key, value)
    for key, value in containers:
        if labels.match(key) and all(isinstance(item, str) for item in value) and not isinstance(value, Pairs):
            yield from ((item, key) for item in value)
        else:
            yield from find_mentions(value, labels)


def is_mention(value: Any) -> bool:
    """Whether it is an object with a text, and without lists or objects in it."""
    flat = isinstance(value, Pairs) and not any(isinstance(item, list) for _, item in value)
    return flat and any(_fold(key) in _TEXT_KEYS and isinstance(item, str) for key, item in value)


def split_by_sentence(value: Any, count: int) -> dict[int, list[Any]] | None:
    """The parts of an answer about ``count`` sentences, by number (0: unnumbered); ``None`` if it has no such form.

    It is an object with numbers as keys, a list of objects with a number each, or a list with one part for each
    sentence; it may be inside an object with one key.
    """
    if isinstance(value, Pairs):
        return _split_object(value, count)
    if not isinstance(value, list) or not value:
        return None
    numbered = [split_by_sentence(part, count) if isinstance(part, Pairs) else None for part in value]
    if any(numbered):
        parts: dict[int, list[Any]] = {}
        for part, known in zip(value, numbered, strict=True):
            for number, inside in (known or {0: [part]}).items():
                parts.setdefault(number, []).extend(inside)
        return parts
    if len(value) == count and all(isinstance(part, list) and not is_mention(part) for part in value):
        return {number: [part] for number, part in enumerate(value, 1)}
    return None


def _split_object(pairs: Pairs, count: int) -> dict[int, list[Any]] | None:
    numbers = (_number(part) for key, part in pairs if _fold(key) in _NUMBER_KEYS and isinstance(part, str))
    if (own := next(numbers, None)) is not None:
        return {own: [pairs]}
    numbered = [(_number(key), part) for key, part in pairs]
    if any(number is not None for number, _ in numbered):
        parts: dict[int, list[Any]] = {}
        for number, part in numbered:
            parts.setdefault(number or 0, []).append([part] if isinstance(part, str) else part)
        return parts
    containers = [part for _, part in pairs if isinstance(part, list)]
    return split_by_sentence(containers[0], count) if len(containers) == 1 else None


def _number(text: str) -> int | None:
    match = _NUMBER.fullmatch(text) if len(text) <= MAX_KEY else None
    return int(match[1]) if match else None


def says_none(text: str) -> bool:
    """Whether a text says in words that there is no entity."""
    return _NONE.fullmatch(text) is not None


def sentence_number(line: str) -> int | None:
    """The number of the sentence if the line is a heading."""
    heading = _HEADING.match(line)
    return int(heading[1]) if heading else None


def read_line(line: str, labels: LabelMatcher) -> RawMention | None:
    """Text and label of a line; ``None`` if it is prose.

    Of several ways to split it, the first with a known label is taken; text and label may be in either order. Without a
    known label, a line with a bullet is a mention with an unknown label.
    """
    if len(line) > MAX_LINE:
        return None
    line = "\t".join(" ".join(part.split()) for part in line.split("\t"))  # single spaces
    bullet = _BULLET.match(line)
    body = line[bullet.end() :] if bullet else line
    splits = _splits(body.strip().strip(".,; "))
    for text, label in [*splits, *((label, text) for text, label in splits)]:
        if labels.match(label) is not None or labels.is_group(label):
            return text, label
    return splits[0] if splits and bullet and bullet[0].strip() else None


def _splits(body: str) -> list[tuple[str, str]]:
    splits = []
    if bracketed := _BRACKETS.match(body):
        splits.append((bracketed[1], bracketed[2]))
    for separator in _SEPARATORS:
        if places := list(re.finditer(separator, body)):
            splits += [(body[: place.start()], body[place.end() :]) for place in (places[-1], places[0])]
    bare = [(text.strip(_QUOTES), label.strip(_QUOTES)) for text, label in splits]
    return [(text, label) for text, label in bare if text and label]
