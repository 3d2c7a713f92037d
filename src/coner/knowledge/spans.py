"""The names of a trie in a sentence, and how often they are mentions in labelled sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from coner.core.types import Sentence, mentions_of
from coner.knowledge.normalisation import Normaliser

MIN_OCCURRENCES = 5  # minimum occurrences of a down-weighted name, so that no single one decides


@dataclass(frozen=True)
class NormalisedWords:
    """The words of a sentence of which normalisation leaves something, joined by spaces; each followed by one."""

    text: str
    words: Sequence[int]  # place of each in the sentence
    starts: Sequence[int]  # place of each in the text
    ends: Sequence[int]  # and of the space behind it

    @classmethod
    def of(cls, words: Sequence[str], normalise: Normaliser) -> NormalisedWords:
        """Normalise the words of a sentence."""
        parts = [(i, part) for i, word in enumerate(words) if (part := normalise(word))]
        ends = list(accumulate(len(part) + 1 for _, part in parts))
        text = "".join(f"{part} " for _, part in parts)
        return cls(text, [i for i, _ in parts], [0, *ends][:-1], [end - 1 for end in ends])

    def windows(self, longest: int) -> tuple[Any, Any]:
        """Arrays of the first and the last of the words of all windows of at most ``longest`` words of the text."""
        count = len(self.words)
        spaces = np.cumsum([0, *(self.text.count(" ", *part) + 1 for part in zip(self.starts, self.ends, strict=True))])
        first = np.repeat(np.arange(count), longest)
        last = first + np.tile(np.arange(longest), count)
        first, last = first[last < count], last[last < count]
        short = spaces[last + 1] - spaces[first] <= longest
        return first[short], last[short]


def find_spans(sentence: NormalisedWords, trie: Any, longest: int) -> Iterator[tuple[int, int, int]]:
    """Start, end and number of each name of at most ``longest`` words. In the trie a name ends with a space."""
    text, ends = sentence.text, {end + 1: i + 1 for i, end in zip(sentence.words, sentence.ends, strict=True)}
    places = [*sentence.starts, *[len(text)] * longest]
    for number, i in enumerate(sentence.words):
        window = text[places[number] : places[number + longest]]
        for key, alias in trie.iter_prefixes_with_ids(window):
            if (end := ends.get(places[number] + len(key))) is not None:
                yield i, end, alias


def mention_shares(sentences: Iterable[Sentence], trie: Any, normalise: Normaliser, longest: int) -> dict[int, float]:
    """The smoothed share of a name's occurrences that touch a mention, for names to down-weight.

    It is (n - o + 1) / (n + 1) for n occurrences, o of them outside of mentions. Names that occur fewer than
    ``MIN_OCCURRENCES`` times, or always in mentions, are left out: their share is 1.
    """
    seen, outside = Counter[int](), Counter[int]()
    for sentence in sentences:
        inside = {word for mention in mentions_of(sentence) for word in range(mention.start, mention.end)}
        for start, end, alias in find_spans(NormalisedWords.of(sentence.words, normalise), trie, longest):
            seen[alias] += 1
            outside[alias] += inside.isdisjoint(range(start, end))
    common = (alias for alias, count in outside.items() if count and seen[alias] >= MIN_OCCURRENCES)
    return {alias: (seen[alias] - outside[alias] + 1) / (seen[alias] + 1) for alias in common}
