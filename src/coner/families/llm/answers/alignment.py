"""The words that a model names, found again in the sentence: it gives surface forms in order, never offsets.

Rules, in this order:

1. A mention is looked for as it is written; then in other case; with other spaces; in other forms of its characters
   (accents, quotes, dashes, zero-width); without punctuation at its ends. Up to here it has to cover whole words.
   Last, as a part of words: where it begins or ends within a word beside a mark that is no letter or digit
   (``microsoft`` of ``microsoft's``), it grows to the word; letters out of a longer word are refused.
2. Of several places, the first behind the mention before it that is free; else the first free one. So the n-th naming
   of the same words goes to their n-th occurrence.
3. Where no place is free, the longer mention (in words) stays, of equal length the one named first. What had to give
   way goes to another free place, where there is one.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from coner.core.types import Entity, Sentence
from coner.families.llm.answers.outcomes import Rule, add

Span = tuple[int, int]
_ALIKE = str.maketrans("‘’‚‛`´“”„‟«»‐‑‒–—―−", "''''''" + '""""""' + "-------")


@dataclass(frozen=True)
class Mention:
    """What an answer says: words and their label, which is one that was asked for."""

    text: str
    label: str


def align(sentence: Sentence, mentions: Sequence[Mention], counts: Counter[str]) -> tuple[Entity, ...]:
    """Mentions as entities of the sentence: sorted, not overlapping; what is not kept, or repaired, is counted."""
    return _Placing(Surfaces(sentence.words), counts).place_all(mentions)


@dataclass
class _Placed:
    mention: Mention
    span: Span
    rule: Rule | None


class _Placing:
    def __init__(self, surfaces: Surfaces, counts: Counter[str]) -> None:
        self._surfaces = surfaces
        self._counts = counts
        self._placed: list[_Placed] = []
        self._reached = 0

    def place_all(self, mentions: Sequence[Mention]) -> tuple[Entity, ...]:
        for mention in mentions:
            self._place(mention)
        for placed in self._placed:
            if placed.rule:
                add(self._counts, placed.rule)
        return tuple(sorted(Entity(*placed.span, placed.mention.label) for placed in self._placed))

    def _place(self, mention: Mention) -> None:
        if self._at_a_free_place(mention):
            return
        places = [(rule, spans) for rule, spans in self._surfaces.find(mention.text) if spans]
        if places:
            self._overlapping(mention, places)
        else:
            inside = self._surfaces.holds(mention.text)
            add(self._counts, Rule.INSIDE_WORD if inside else Rule.HALLUCINATED)

    def _at_a_free_place(self, mention: Mention) -> bool:
        for rule, spans in self._surfaces.find(mention.text):
            if free := [span for span in spans if not self._in_the_way(span)]:
                span = next((span for span in free if span[0] >= self._reached), free[0])
                self._placed.append(_Placed(mention, span, rule))
                self._reached = span[1]
                return True
        return False

    def _overlapping(self, mention: Mention, places: Sequence[tuple[Rule | None, list[Span]]]) -> None:
        for rule, spans in places:
            for span in spans:
                others = self._in_the_way(span)
                if all(_length(span) > _length(other.span) for other in others):
                    self._placed = [placed for placed in self._placed if placed not in others]
                    self._placed.append(_Placed(mention, span, rule))
                    self._reached = span[1]
                    for other in others:
                        if not self._at_a_free_place(other.mention):
                            add(self._counts, Rule.OVERLAP)
                    return
        taken = {placed.span for placed in self._placed}
        again = any(span in taken for _, spans in places for span in spans)
        add(self._counts, Rule.REPEATED if again else Rule.OVERLAP)

    def _in_the_way(self, span: Span) -> list[_Placed]:
        return [placed for placed in self._placed if placed.span[0] < span[1] and span[0] < placed.span[1]]


def _length(span: Span) -> int:
    return span[1] - span[0]


class Surfaces:
    """The words of a sentence, to look for surface forms in.

    Args:
        words: of the sentence.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def find(self, text: str) -> Iterator[tuple[Rule | None, list[Span]]]:
        """All places of a surface form by each rule, the mildest first; no rule: exactly as it is written."""
        yield None, self._exact.spans(text)
        yield Rule.CASE, self._cased.spans(text.casefold())
        yield Rule.SPACING, self._packed.spans(_packed(text))
        yield Rule.UNICODE, self._plain.spans(plain(text))
        yield Rule.PUNCTUATION, self._plain.spans(trimmed(plain(text)))
        yield Rule.PART, self._plain.spans_around(trimmed(plain(text)))

    def holds(self, text: str) -> bool:
        """The characters are there, wherever they begin and end."""
        core = trimmed(plain(text))
        return bool(core) and core in self._plain.text

    @cached_property
    def _exact(self) -> _View:
        return _View(self._words, str, " ")

    @cached_property
    def _cased(self) -> _View:
        return _View(self._words, str.casefold, " ")

    @cached_property
    def _packed(self) -> _View:
        return _View(self._words, _packed, "")

    @cached_property
    def _plain(self) -> _View:
        return _View(self._words, plain, "")


class _View:
    """The words in one form, joined, with the word that each character border belongs to."""

    def __init__(self, words: Sequence[str], form: Callable[[str], str], joint: str) -> None:
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._owners: list[int] = []  # of each character; a joint belongs to the word before it
        parts = list[str]()
        at = 0
        for index, word in enumerate(map(form, words)):
            if index and joint:
                parts.append(joint)
                self._owners += [index - 1] * len(joint)
                at += len(joint)
            if not word:  # nothing of it is left in this form
                continue
            self._starts[at] = index
            parts.append(word)
            self._owners += [index] * len(word)
            at += len(word)
            self._ends[at] = index + 1
        self.text = "".join(parts)

    def spans(self, text: str) -> list[Span]:
        """Where it covers whole words."""
        found = [(self._starts.get(at), self._ends.get(at + len(text))) for at in _occurrences(text, self.text)]
        return [(start, end) for start, end in found if start is not None and end is not None]

    def spans_around(self, text: str) -> list[Span]:
        """The words that it lies in, where no letter or digit is cut from another."""
        return [
            (self._owners[at], self._owners[at + len(text) - 1] + 1)
            for at in _occurrences(text, self.text)
            if self._may_cut(at) and self._may_cut(at + len(text))
        ]

    def _may_cut(self, at: int) -> bool:
        if at in self._starts or at in self._ends:
            return True
        return not (_of_a_word(self.text[at - 1]) and _of_a_word(self.text[at]))


def _occurrences(text: str, within: str) -> Iterator[int]:
    at = within.find(text) if text else -1
    while at >= 0:
        yield at
        at = within.find(text, at + 1)


def _packed(text: str) -> str:
    return "".join(text.casefold().split())


def plain(text: str) -> str:
    """Letters without case and accents; quotes and dashes of one kind; nothing that has no width, no spaces."""
    folded = unicodedata.normalize("NFKD", text.translate(_ALIKE)).casefold()
    folded = unicodedata.normalize("NFKD", folded)
    kept = [character for character in folded if unicodedata.category(character) not in ("Mn", "Cf", "Cc")]
    return "".join("".join(kept).split())


def trimmed(text: str) -> str:
    """Without punctuation and symbols at its ends."""
    start, end = 0, len(text)
    while start < end and not _of_a_word(text[start]):
        start += 1
    while end > start and not _of_a_word(text[end - 1]):
        end -= 1
    return text[start:end]


def _of_a_word(character: str) -> bool:
    """A letter, a digit, or a sign that belongs to one."""
    return unicodedata.category(character)[0] in "LNM"
