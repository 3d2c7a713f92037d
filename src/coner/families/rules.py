"""Rules of a user, applied to the predictions of any tagger: names that are always, or never, mentions.

The text of a rule is compared with the words of a sentence in one of three ways. A match begins and ends at a word
boundary. Texts and words are split in the same way, so that ``covid-19`` is also found as ``covid - 19``.

====================  ==============================================================================================
match                 what has to be equal
====================  ==============================================================================================
``exact``             every character but white space
``case-insensitive``  the same, without regard to upper and lower case
``whole-word``        letters and digits, without regard to case, accents and punctuation, as in a knowledge base
====================  ==============================================================================================

Matching takes at most ``MAX_UNITS`` steps per word and way, whatever the rules and the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from coner.core.errors import DataError
from coner.core.types import Entity
from coner.data.reading.words import IDEOGRAPHS
from coner.knowledge.normalisation import NormalisationSettings, Normaliser

Way = Literal["exact", "case-insensitive", "whole-word"]
Value = TypeVar("Value")
Found = tuple[int, int, Value]  # the first word of a match, the word after its last, and what was found
MAX_UNITS = 64  # maximum words and punctuation marks in the text of a rule
# Scripts without spaces, which corpora cut into words in different ways: a character is a unit.
UNSPACED = f"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff{IDEOGRAPHS}"
UNIT = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")
END = ""  # key of the value in a node of the trie; no unit is empty


@dataclass(frozen=True, slots=True)
class Rule:
    """An entry of a rule file."""

    text: str
    label: str | None  # ``None``: any label, in ``never`` only
    way: Way
    place: str  # file, and line or key path, for messages


class Changes(NamedTuple):
    """How many entities of a sentence rules have changed."""

    added: int = 0
    removed: int = 0
    relabelled: int = 0


UNCHANGED = Changes()


class Rules:
    """Rules that were read from a file; see ``rule_file.read_rules``.

    Args:
        always: each match is a mention with the label of the rule.
        never: no match is a mention with the label of the rule, or with any label; this wins over ``always``.

    Raises:
        DataError: two rules contradict each other, or a text has no unit, or too many.
    """

    def __init__(self, always: Collection[Rule], never: Collection[Rule]) -> None:
        self._rules = [*always, *never]
        self._never: _Names[dict[str | None, Rule]] = _Names()
        for rule in never:
            self._never.add(rule, {}).setdefault(rule.label, rule)
        self._always: _Names[Rule] = _Names()
        for rule in always:
            if (same := self._always.add(rule, rule)).label != rule.label:
                raise _contradiction(rule, f"has the label {same.label!r}", same)
            forbidden = self._never.get(rule) or {}
            if (other := forbidden.get(None) or forbidden.get(rule.label)) is not None:
                raise _contradiction(rule, "is never a mention", other)

    def check(self, labels: Collection[str]) -> None:
        """``DataError`` if a rule has another label than these, those of a model."""
        for rule in self._rules:
            if rule.label is not None and rule.label not in labels:
                expected = f"a label of the model: {', '.join(sorted(labels))}"
                raise DataError(f"{rule.place}: label: got {rule.label!r:.80}; expected {expected}")

    def apply(self, words: Sequence[str], entities: Sequence[Entity]) -> tuple[tuple[Entity, ...], Changes]:
        """The entities of a sentence after the rules, and how many were changed.

        ``never`` removes predictions of exactly the words of a match. Of overlapping matches of
        ``always`` the longest wins, then the first; for one span, the stricter way. It replaces every prediction that
        it overlaps, with confidence 1; a prediction with the same span and label is kept unchanged.
        """
        forbidden: dict[tuple[int, int], set[str | None]] = {}
        for start, end, by_label in self._never.find(words):
            forbidden.setdefault((start, end), set()).update(by_label)

        def is_allowed(start: int, end: int, label: str | None) -> bool:
            return forbidden.keys().isdisjoint([(start, end)]) or forbidden[start, end].isdisjoint([None, label])

        chosen = _longest([m for m in self._always.find(words) if is_allowed(m[0], m[1], m[2].label)])
        taken = {word for start, end, _ in chosen for word in range(start, end)}
        predicted = {(entity.start, entity.end): entity for entity in entities}
        kept = [
            entity
            for entity in entities
            if is_allowed(entity.start, entity.end, entity.label) and taken.isdisjoint(range(entity.start, entity.end))
        ]
        for start, end, rule in chosen:
            mention, same = Entity(start, end, rule.label or ""), predicted.get((start, end))
            kept.append(same if same == mention else mention)
        return tuple(sorted(kept)), _changes(predicted, kept)


def _changes(before: Mapping[tuple[int, int], Entity], after: Sequence[Entity]) -> Changes:
    spans = {(entity.start, entity.end): entity.label for entity in after}
    relabelled = sum(before[span].label != label for span, label in spans.items() if span in before)
    return Changes(len(spans.keys() - before.keys()), len(before.keys() - spans.keys()), relabelled)


def _contradiction(rule: Rule, got: str, other: Rule) -> DataError:
    return DataError(f"{rule.place}: got {rule.text!r:.80}, which {got} in {other.place}. Fix: delete one of the two")


def _longest(matches: Sequence[Found[Rule]]) -> list[Found[Rule]]:
    """Matches without overlaps, in order: the longest wins, then the leftmost; of equal spans the first one."""
    taken: set[int] = set()
    chosen = []
    for start, end, rule in sorted(matches, key=lambda match: (match[0] - match[1], match[0])):
        if taken.isdisjoint(range(start, end)):
            taken.update(range(start, end))
            chosen.append((start, end, rule))
    return sorted(chosen, key=lambda match: match[0])


class _Names(Generic[Value]):
    """Finds texts in sentences; each text has a value."""

    def __init__(self) -> None:
        self._tries: dict[Way, dict[str, Any]] = {}

    def add(self, rule: Rule, value: Value) -> Value:
        """Set the value of the text of a rule unless it has one; return its value, as ``dict.setdefault``."""
        units = _WAYS[rule.way](rule.text)
        if not 0 < len(units) <= MAX_UNITS:
            none = f"{rule.text!r:.80} without {'a letter or digit' if rule.way == 'whole-word' else 'a character'}"
            got = f"more than {MAX_UNITS} words and punctuation marks" if units else none
            raise DataError(f"{rule.place}: text: got {got}; expected a name")
        node = self._tries.setdefault(rule.way, {})
        for unit in units:
            node = node.setdefault(unit, {})
        kept: Value = node.setdefault(END, value)
        return kept

    def get(self, rule: Rule) -> Value | None:
        """The value of the text of a rule."""
        node: Any = self._tries.get(rule.way, {})
        for unit in (*_WAYS[rule.way](rule.text), END):
            node = node.get(unit, {})
        return node or None

    def find(self, words: Sequence[str]) -> Iterator[Found[Value]]:
        """All matches, of the strictest way first."""
        for way, split in _WAYS.items():
            if trie := self._tries.get(way):
                yield from _walk(trie, [split(word) for word in words])


def _walk(trie: Mapping[str, Any], split: Sequence[Sequence[str]]) -> Iterator[Found[Any]]:
    """The texts of a trie in a sentence; ``split`` has the units of each word, possibly none."""
    for start, units in enumerate(split):
        if not units or units[0] not in trie:
            continue
        node: Any = trie
        for end in range(start, len(split)):
            for unit in split[end]:
                if (node := node.get(unit)) is None:
                    break
            if node is None:
                break
            if split[end] and END in node:  # a word without units is never the last one
                yield start, end + 1, node[END]


def _units(text: str, *, fold: bool) -> list[str]:
    text = unicodedata.normalize("NFC", text)
    return UNIT.findall(unicodedata.normalize("NFC", text.casefold()) if fold else text)


_normalise = Normaliser(NormalisationSettings())
_WAYS: dict[Way, Callable[[str], list[str]]] = {
    "exact": partial(_units, fold=False),
    "case-insensitive": partial(_units, fold=True),
    "whole-word": lambda text: _normalise(text).split(),
}
WAYS: tuple[Way, ...] = tuple(_WAYS)
