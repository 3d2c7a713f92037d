"""Gazetteer of the training mentions: phrases that were a mention, words that occurred in one, and how often.

For training features, the counts of a sentence's own mentions are left out. Otherwise the gazetteer would know every
training mention, and the model would overfit to it and fail on text where most mentions are new.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from coner.core.types import Entity, Sentence

MAX_PHRASE = 8  # words of a phrase that is looked up
MIN_MENTIONED = 0.05  # a single word is a phrase if at least this fraction of its occurrences is in mentions
Counts = Mapping[str, Mapping[str, int]]
Own = Mapping[tuple[str, str], int]  # of one sentence, by text and label


class GazetteerEntry(NamedTuple):
    """Counts from the training mentions for one word of a sentence."""

    seen: int  # its number of occurrences
    labels: tuple[tuple[str, int], ...] = ()  # each label with the number of occurrences in mentions of it
    phrase: tuple[str, ...] = ()  # labels of the longest known mention that covers it here, the most frequent first
    first: bool = False  # it is the first word of that mention
    size: int = 0  # words of that mention; 0: none covers it


UNKNOWN = GazetteerEntry(0)


@dataclass(slots=True, repr=False, eq=False)
class Gazetteer:
    """Counts over labelled sentences."""

    phrases: Counts = field(default_factory=dict)  # text of a mention to label to count
    words: Counts = field(default_factory=dict)  # word to label of the mentions that it occurred in to count
    totals: Mapping[str, int] = field(default_factory=dict)  # word to number of all its occurrences
    _longest_from: dict[str, int] = field(default_factory=dict, init=False)  # first word to words of its longest phrase
    _cache: dict[str, GazetteerEntry] = field(default_factory=dict, init=False)  # entries of words alone

    def __post_init__(self) -> None:
        for text in self.phrases:
            words = text.split(" ")
            size = min(len(words), MAX_PHRASE)
            self._longest_from[words[0]] = max(size, self._longest_from.get(words[0], 0))

    @classmethod
    def learn(cls, sentences: Iterable[Sentence]) -> Gazetteer:
        """Count the mentions of labelled sentences."""
        phrases: defaultdict[str, Counter[str]] = defaultdict(Counter)
        words: defaultdict[str, Counter[str]] = defaultdict(Counter)
        totals: Counter[str] = Counter()
        for sentence in sentences:
            for counts, own in zip((phrases, words), _count(sentence.words, sentence.entities or ()), strict=True):
                for (text, label), count in own.items():
                    counts[text][label] += count
            totals.update(sentence.words)
        return cls(phrases, words, totals)

    def look_up(self, words: Sequence[str], exclude: Sequence[Entity] | None = None) -> list[GazetteerEntry]:
        """The entry of each word of a sentence.

        ``exclude``: the gold entities of a training sentence, whose counts are left out.
        """
        own_phrases: Own = {}
        if exclude is None:
            entries = [self._entry(word) for word in words]
        else:
            own_phrases, own_words = _count(words, exclude)
            own_totals = Counter(words)
            entries = [self._entry_without(word, own_totals[word], own_words) for word in words]
        after = 0
        for start, word in enumerate(words):
            if start < after or word not in self._longest_from:  # the latter holds for most words
                continue
            after, labels = self._longest(words, start, own_phrases, entries)
            for i in range(start, after):
                entries[i] = GazetteerEntry(entries[i].seen, entries[i].labels, labels, i == start, after - start)
        return entries

    def _entry(self, word: str) -> GazetteerEntry:
        if word not in self._cache and word in self.totals:
            self._cache[word] = self._entry_without(word, 0, {})
        return self._cache.get(word, UNKNOWN)

    def _entry_without(self, word: str, occurrences: int, own: Own) -> GazetteerEntry:
        """The entry of a word without its neighbours, minus these occurrences and mentions."""
        labels = self.words.get(word)
        left = tuple(sorted(_subtract(labels, word, own).items())) if labels else ()
        return GazetteerEntry(self.totals.get(word, 0) - occurrences, left)

    def _longest(
        self, words: Sequence[str], start: int, own: Own, entries: Sequence[GazetteerEntry]
    ) -> tuple[int, tuple[str, ...]]:
        """End and labels of the longest known phrase from ``start``; ``start`` itself if there is none."""
        longest = min(len(words) - start, self._longest_from[words[start]])
        for end in range(start + longest, start, -1):
            text = " ".join(words[start:end])
            if text not in self.phrases:
                continue
            mentions = sum(count for _, count in entries[start].labels)
            if end == start + 1 and mentions < MIN_MENTIONED * entries[start].seen:
                continue
            counts = _subtract(self.phrases[text], text, own)
            if counts:
                return end, tuple(sorted(counts, key=lambda label: (-counts[label], label)))
        return start, ()

    def to_json(self) -> dict[str, Any]:
        return {"phrases": self.phrases, "words": self.words, "totals": self.totals}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Gazetteer:
        """Reverse ``to_json``; ``TypeError`` or ``AttributeError`` if it holds other values."""
        tables = (*values["phrases"].values(), *values["words"].values(), values["totals"])
        if not all(type(count) is int and count >= 0 for counts in tables for count in counts.values()):
            raise TypeError("gazetteer: expected counts")
        return cls(values["phrases"], values["words"], values["totals"])


def _count(words: Sequence[str], entities: Iterable[Entity]) -> tuple[Own, Own]:
    """Mentions of one sentence by text and label, and their words by word and label."""
    phrases: Counter[tuple[str, str]] = Counter()
    inner: Counter[tuple[str, str]] = Counter()
    for entity in entities:
        mention = words[entity.start : entity.end]
        phrases[" ".join(mention), entity.label] += 1
        inner.update((word, entity.label) for word in mention)
    return phrases, inner


def _subtract(counts: Mapping[str, int], text: str, own: Own) -> dict[str, int]:
    """Counts of a text by label, minus those of its own sentence; only positive ones."""
    return {label: left for label, count in counts.items() if (left := count - own.get((text, label), 0)) > 0}
