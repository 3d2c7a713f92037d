"""What the training mentions say of a word: phrases that were a mention, words that stood in one, and how often.

A word's own sentence is left out when features are computed for training. Otherwise every mention would find itself,
the model would trust the gazetteer blindly, and fail on text where most mentions are new.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log2
from typing import Any, NamedTuple

from coner.core.types import Entity, Sentence
from coner.features.registry import Values, gazetteer_feature

LONGEST = 8  # words of a phrase that is looked up
MENTIONED = 0.05  # a single word counts as a phrase where at least this part of its occurrences is in mentions
Counts = Mapping[str, Mapping[str, int]]


class Known(NamedTuple):
    """What is known of one word of a sentence from other sentences.

    Attributes:
        seen: its occurrences.
        labels: each label with how many of them stood in a mention of it.
        phrase: labels of the longest known mention that covers it here, the most frequent first.
        first: whether it begins that mention.
        size: words of that mention; 0: none covers it.
    """

    seen: int
    labels: tuple[tuple[str, int], ...] = ()
    phrase: tuple[str, ...] = ()
    first: bool = False
    size: int = 0


UNKNOWN = Known(0)


@gazetteer_feature(-1, 0, 1)
def phrase(known: Known) -> Values:
    """Labels of the known mention that covers the word here, with its place in it."""
    if not known.size:
        return []
    place = "B" if known.first else "I"
    return ["yes", *(f"{place} {min(known.size, 2)} {label}" for label in known.phrase[:3])]


@gazetteer_feature(-1, 0, 1)
def mentioned(known: Known) -> Values:
    """Labels of the mentions that the word stood in, and for what part of its occurrences."""
    if not known.seen:
        return ["new"]
    total = sum(count for _, count in known.labels)
    parts = [(label, count / known.seen) for label, count in known.labels]
    levels = [f"{label} {'high' if p > 0.5 else 'middle' if p > 0.15 else 'low'}" for label, p in parts]
    return [*levels, f"{round(5 * total / known.seen)} {min(3, int(log2(known.seen)))}"]


@dataclass(slots=True)
class Gazetteer:
    """Counts over labelled sentences.

    Attributes:
        phrases: text of a mention, to label, to count.
        words: word, to label of the mentions that it stood in, to count.
        totals: word to all its occurrences.
    """

    phrases: Counts = field(default_factory=dict)
    words: Counts = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    _longest_from: dict[str, int] = field(init=False, repr=False, compare=False)  # first word to the longest phrase
    _known: dict[str, Known] = field(init=False, repr=False, compare=False)  # of words, when first asked for

    def __post_init__(self) -> None:
        self._longest_from, self._known = {}, {}
        for text in self.phrases:
            words = text.split(" ")
            size = min(len(words), LONGEST)
            self._longest_from[words[0]] = max(size, self._longest_from.get(words[0], 0))

    @classmethod
    def learn(cls, sentences: Iterable[Sentence]) -> Gazetteer:
        """Count the mentions of labelled sentences."""
        phrases: defaultdict[str, Counter[str]] = defaultdict(Counter)
        words: defaultdict[str, Counter[str]] = defaultdict(Counter)
        totals: Counter[str] = Counter()
        for sentence in sentences:
            own_phrases, own_words = _count(sentence.words, sentence.entities or ())
            for (text, label), count in own_phrases.items():
                phrases[text][label] += count
            for (word, label), count in own_words.items():
                words[word][label] += count
            totals.update(sentence.words)
        return cls(phrases, words, totals)

    def look_up(self, words: Sequence[str], own: Sequence[Entity] | None = None) -> list[Known]:
        """What is known of each word of a sentence.

        Args:
            own: its entities, where the sentence is one of those learned from; its own counts are left out.
        """
        own_phrases: Mapping[tuple[str, str], int] = {}
        if own is None:
            known = [self._of_word(word) for word in words]
        else:
            own_phrases, own_words = _count(words, own)
            own_totals = Counter(words)
            known = [self._without_own(word, own_totals[word], own_words) for word in words]
        after = 0
        for start, word in enumerate(words):
            if start < after or word not in self._longest_from:  # the latter holds for most words
                continue
            after, labels = self._longest(words, start, own_phrases, known)
            for i in range(start, after):
                k = known[i]
                known[i] = Known(k.seen, k.labels, labels, i == start, after - start)
        return known

    def _of_word(self, word: str) -> Known:
        """What is known of a word without its neighbours."""
        known = self._known.get(word)
        if known is None:
            if word not in self.totals:
                return UNKNOWN
            known = self._known[word] = self._without_own(word, 0, {})
        return known

    def _without_own(self, word: str, own: int, own_words: Mapping[tuple[str, str], int]) -> Known:
        """The same, ``own`` of its occurrences left out."""
        seen = self.totals.get(word, 0) - own
        labels = self.words.get(word)
        return Known(seen, tuple(sorted(_without(labels, word, own_words).items())) if labels else ())

    def _longest(
        self, words: Sequence[str], start: int, own: Mapping[tuple[str, str], int], known: Sequence[Known]
    ) -> tuple[int, tuple[str, ...]]:
        """End and labels of the longest known phrase from ``start``, a word that some begin with; else ``start``."""
        longest = min(len(words) - start, self._longest_from[words[start]])
        for end in range(start + longest, start, -1):
            text = " ".join(words[start:end])
            if text not in self.phrases:
                continue
            if end == start + 1 and sum(count for _, count in known[start].labels) < MENTIONED * known[start].seen:
                continue
            counts = _without(self.phrases[text], text, own)
            if counts:
                return end, tuple(sorted(counts, key=lambda label: (-counts[label], label)))
        return start, ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, for ``from_json``."""
        return {"phrases": self.phrases, "words": self.words, "totals": self.totals}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Gazetteer:
        """What ``to_json`` gave; ``KeyError`` where a part is missing."""
        return cls(values["phrases"], values["words"], values["totals"])


def _count(
    words: Sequence[str], entities: Iterable[Entity]
) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """Mentions of one sentence by text and label, and their words by word and label."""
    phrases: Counter[tuple[str, str]] = Counter()
    inner: Counter[tuple[str, str]] = Counter()
    for entity in entities:
        mention = words[entity.start : entity.end]
        phrases[" ".join(mention), entity.label] += 1
        inner.update((word, entity.label) for word in mention)
    return phrases, inner


def _without(counts: Mapping[str, int], text: str, own: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Counts of a text by label, less those of its own sentence; only what is left."""
    left = {label: count - own.get((text, label), 0) for label, count in counts.items()}
    return {label: count for label, count in left.items() if count > 0}
