"""Greedy choice of texts with high values that differ from one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEAR = 0.8  # cosine similarity from which two texts are near-duplicates


class Similarities:
    """Cosine similarities of texts: vectors of words in lower case, weighted by tf-idf.

    A word in n of N texts has the weight log(1 + N / n) for each time that it occurs.
    """

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        counts = [Counter(word.lower() for word in words) for words in texts]
        ids = {word: number for number, word in enumerate(dict.fromkeys(word for count in counts for word in count))}
        rows = np.repeat(np.arange(len(texts)), [len(count) for count in counts])
        words = np.array([ids[word] for count in counts for word in count], dtype=np.intp)
        values = np.array([times for count in counts for times in count.values()], dtype=np.float64)
        frequencies = np.bincount(words, minlength=len(ids))
        values *= np.log1p(len(texts) / frequencies)[words]
        values /= np.sqrt(np.bincount(rows, values**2, minlength=len(texts)))[rows]
        order = words.argsort(kind="stable")
        self._size = len(texts)
        self._words, self._values, self._starts = words, values, np.searchsorted(rows, np.arange(len(texts) + 1))
        self._texts, self._weights = rows[order], values[order]  # of each word in turn: the texts that have it
        self._of_word = np.concatenate([[0], frequencies.cumsum()])

    def to(self, text: int) -> NDArray[np.float64]:
        """The similarity of every text to this one, from 0 to 1."""
        similarities = np.zeros(self._size)
        for entry in range(self._starts[text], self._starts[text + 1]):
            word = self._words[entry]
            others = slice(self._of_word[word], self._of_word[word + 1])
            similarities[self._texts[others]] += self._values[entry] * self._weights[others]
        return similarities


def choose_diverse(
    texts: Sequence[Sequence[str]], values: Sequence[float], number: int
) -> tuple[list[tuple[int, float]], int]:
    """Choose texts one by one, each with the highest value times 1 minus its similarity to the closest chosen one.

    Near-duplicates of a chosen text are never chosen (greedy selection as in maximal marginal relevance, Carbonell and
    Goldstein 1998).

    Args:
        texts: words of each text, at least one.
        values: of each text, at least 0; of equal ones the first is chosen.
        number: of texts to choose at most.

    Returns:
        The index of each chosen text and its worth, which never increases; and how many near-duplicates were passed
        over.
    """
    similarities, value = Similarities(texts), np.array(values, dtype=np.float64)
    closest, free = np.zeros(len(texts)), np.ones(len(texts), dtype=bool)
    chosen: list[tuple[int, float]] = []
    while len(chosen) < number and (open_ := free & (closest < NEAR)).any():
        worth = np.where(open_, value * (1 - closest), -1.0)
        best = int(worth.argmax())
        chosen.append((best, float(worth[best])))
        free[best] = False
        np.maximum(closest, similarities.to(best), out=closest)
    return chosen, int((free & (closest >= NEAR)).sum())
