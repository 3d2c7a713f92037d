"""Locate the mentions of an answer in the sentence: models give surface forms in order, not offsets.

Rules, in this order:

1. A mention is matched as written; else ignoring case; ignoring spaces; ignoring accents, zero-width characters and
   the forms of quotes and dashes; ignoring punctuation at its ends. All of these match whole words only. Last, it is
   matched within words: next to punctuation (``microsoft`` in ``microsoft's``) it is extended to the whole word; a
   fragment between letters or digits is rejected.
2. Of several free places, the first one after the previous mention is taken, else the first one. So the n-th mention
   of the same words gets their n-th occurrence.
3. If no place is free, the longer mention (in words) stays; of equal length, the one listed first. A displaced mention
   moves to another free place if there is one.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from coner.core.types import Entity, Sentence
from coner.families.llm.answers.events import Event, add

Span = tuple[int, int]
ENDLESS = 20  # times that a text is listed beyond the number of words, from which on it is not searched
_ALIKE = str.maketrans("‘’‚‛`´“”„‟«»‐‑‒–—―−", "''''''" + '""""""' + "-------")


class SurfaceMention(NamedTuple):
    """A mention as an answer gives it: its text, and one of the requested labels."""

    text: str
    label: str


def align(sentence: Sentence, mentions: Sequence[SurfaceMention], counts: Counter[str]) -> tuple[Entity, ...]:
    """Mentions as entities of the sentence: sorted, not overlapping; repairs and dropped mentions are counted."""
    aligner = _Aligner(sentence.words, counts)
    for mention in mentions:
        aligner.place(mention)
    for placed in aligner.placed:
        if placed.repair:
            add(counts, placed.repair)
    return tuple(sorted(Entity(*placed.span, placed.mention.label) for placed in aligner.placed))


class _Placed(NamedTuple):
    mention: SurfaceMention
    span: Span
    repair: Event | None


class _Aligner:
    def __init__(self, words: Sequence[str], counts: Counter[str]) -> None:
        # The words in a normal form, computed at its first use.
        self._form = cache(lambda normalize, joint="": _JoinedWords([normalize(word) for word in words], joint))
        self._counts = counts
        self._seen: Counter[str] = Counter()
        self.placed: list[_Placed] = []
        self._owners: list[_Placed | None] = [None for _ in words]  # who covers each word
        self._last_end = 0

    def place(self, mention: SurfaceMention) -> None:
        self._seen[mention.text] += 1
        if self._seen[mention.text] > len(self._owners) + ENDLESS:
            add(self._counts, Event.REPEATED)
            return
        if self._place_if_free(mention):
            return
        matches = [(repair, span) for repair, spans in self._find(mention.text) for span in spans]
        if not matches:
            core = _strip_punctuation(_plain(mention.text))
            inside = core and core in self._form(_plain).text
            add(self._counts, Event.INSIDE_WORD if inside else Event.HALLUCINATED)
        elif not self._displace(mention, matches):
            taken = {placed.span for placed in self.placed}
            add(self._counts, Event.REPEATED if any(span in taken for _, span in matches) else Event.OVERLAP)

    def _find(self, text: str) -> Iterator[tuple[Event | None, list[Span]]]:
        """All places of a surface form, grouped by the repair that they need, mildest first; ``None``: no repair."""
        yield None, self._form(str, " ").spans(text)
        yield Event.CASE, self._form(str.casefold, " ").spans(text.casefold())
        yield Event.SPACING, self._form(_without_spaces).spans(_without_spaces(text))
        plain, core = _plain(text), _strip_punctuation(_plain(text))
        yield Event.UNICODE, self._form(_plain).spans(plain)
        yield Event.PUNCTUATION, self._form(_plain).spans(core)
        yield Event.PART, self._form(_plain).spans_of_parts(core)

    def _place_if_free(self, mention: SurfaceMention) -> bool:
        for repair, spans in self._find(mention.text):
            if free := [(start, end) for start, end in spans if not any(self._owners[start:end])]:
                span = next((span for span in free if span[0] >= self._last_end), free[0])
                self._put(mention, span, repair)
                return True
        return False

    def _displace(self, mention: SurfaceMention, matches: Sequence[tuple[Event | None, Span]]) -> bool:
        """Place a mention over shorter ones, which move or are dropped."""
        for repair, (start, end) in matches:
            others = self._overlapping((start, end))
            if all(end - start > other.span[1] - other.span[0] for other in others):
                for other in others:
                    self.placed.remove(other)
                    self._own(other.span, None)
                self._put(mention, (start, end), repair)
                add(self._counts, Event.OVERLAP, sum(not self._place_if_free(other.mention) for other in others))
                return True
        return False

    def _put(self, mention: SurfaceMention, span: Span, repair: Event | None) -> None:
        self.placed.append(_Placed(mention, span, repair))
        self._own(span, self.placed[-1])
        self._last_end = span[1]

    def _own(self, span: Span, owner: _Placed | None) -> None:
        self._owners[slice(*span)] = [owner] * (span[1] - span[0])

    def _overlapping(self, span: Span) -> list[_Placed]:
        """Those that cover a word of the span, the first placed first."""
        owners = {owner.span: owner for owner in self._owners[slice(*span)] if owner is not None}
        return sorted(owners.values(), key=self.placed.index)


class _JoinedWords:
    """Words as one text, with the word that each character belongs to, and where words start and end."""

    def __init__(self, words: Sequence[str], joint: str) -> None:
        self.text = joint.join(words)
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._owners: list[int] = []
        for index, word in enumerate(words):
            if word:  # else the word is empty in this form
                self._starts[len(self._owners)] = index
                self._owners += [index] * len(word)
                self._ends[len(self._owners)] = index + 1
            self._owners += [index] * len(joint)

    def spans(self, text: str) -> list[Span]:
        """Where the text covers whole words."""
        found = [(self._starts.get(at), self._ends.get(at + len(text))) for at in _occurrences(text, self.text)]
        return [(start, end) for start, end in found if start is not None and end is not None]

    def spans_of_parts(self, text: str) -> list[Span]:
        """The words that contain the text, unless that cuts between two letters or digits."""
        return [
            (self._owners[at], self._owners[at + len(text) - 1] + 1)
            for at in _occurrences(text, self.text)
            if self._can_cut(at) and self._can_cut(at + len(text))
        ]

    def _can_cut(self, at: int) -> bool:
        if at in self._starts or at in self._ends:
            return True
        return not all(map(_is_alphanumeric, self.text[at - 1 : at + 1]))


def _occurrences(text: str, within: str) -> Iterator[int]:
    at = within.find(text) if text else -1
    while at >= 0:
        yield at
        at = within.find(text, at + 1)


def _without_spaces(text: str) -> str:
    return "".join(text.casefold().split())


def _plain(text: str) -> str:
    """Letters without case and accents, one kind of quotes and dashes, no zero-width characters and no spaces."""
    folded = unicodedata.normalize("NFKD", text.translate(_ALIKE)).casefold()
    folded = unicodedata.normalize("NFKD", folded)
    kept = [character for character in folded if unicodedata.category(character) not in ("Mn", "Cf", "Cc")]
    return "".join("".join(kept).split())


def _strip_punctuation(text: str) -> str:
    inside = [at for at, character in enumerate(text) if _is_alphanumeric(character)]
    return text[inside[0] : inside[-1] + 1] if inside else ""


def _is_alphanumeric(character: str) -> bool:
    """Whether it is a letter, a digit, or a mark that combines with one."""
    return unicodedata.category(character)[0] in "LNM"
