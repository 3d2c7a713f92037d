"""The names of a trie in a sentence, and how often they are mentions in labelled sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from coner.core.types import Sentence, mentions_of
from coner.knowledge.normalisation import Normaliser

MIN_OCCURRENCES = 5  # minimum occurrences of a down-weighted name, so that no single one decides


def find_spans(words: Sequence[str], trie: Any, normalise: Normaliser, longest: int) -> Iterator[tuple[int, int, int]]:
    """Start, end and number of each name of at most ``longest`` words. In the trie a name ends with a space."""
    parts = [(i, part) for i, word in enumerate(words) if (part := normalise(word))]
    ends, starts, at = dict[int, int](), list[tuple[int, int]](), 0
    for i, part in parts:
        starts.append((at, i))
        at += len(part) + 1
        ends[at] = i + 1
    text = " ".join(part for _, part in parts) + " "
    places = [place for place, _ in starts] + [len(text)] * longest
    for number, (place, i) in enumerate(starts):
        window = text[place : places[number + longest]]
        for key, alias in trie.iter_prefixes_with_ids(window):
            if (end := ends.get(place + len(key))) is not None:
                yield i, end, alias


def windows(words: Sequence[str], normalise: Normaliser, longest: int) -> Iterator[tuple[int, int, str]]:
    """Start, end and normalised text of all spans that may be a name of at most ``longest`` words, sorted."""
    parts = [(i, part) for i, word in enumerate(words) if (part := normalise(word))]
    for first, (start, _) in enumerate(parts):
        text = ""
        for last, part in parts[first:]:
            text = f"{text} {part}" if text else part
            if text.count(" ") >= longest:
                break
            yield start, last + 1, text


def mention_shares(sentences: Iterable[Sentence], trie: Any, normalise: Normaliser, longest: int) -> dict[int, float]:
    """The smoothed share of a name's occurrences that touch a mention, for names to down-weight.

    It is (n - o + 1) / (n + 1) for n occurrences, o of them outside of mentions. Names that occur fewer than
    ``MIN_OCCURRENCES`` times, or always in mentions, are left out: their share is 1.
    """
    seen, outside = Counter[int](), Counter[int]()
    for sentence in sentences:
        inside = {word for mention in mentions_of(sentence) for word in range(mention.start, mention.end)}
        for start, end, alias in find_spans(sentence.words, trie, normalise, longest):
            seen[alias] += 1
            outside[alias] += inside.isdisjoint(range(start, end))
    common = (alias for alias, count in outside.items() if count and seen[alias] >= MIN_OCCURRENCES)
    return {alias: (seen[alias] - outside[alias] + 1) / (seen[alias] + 1) for alias in common}
