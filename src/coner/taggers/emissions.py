"""From words to the scores of their tags: the weights of all features of a word, summed, with little Python per word.

Most features of a word depend on a word type alone, its own or a neighbour's. So what a type gives to the word at each
offset is summed once, kept as a row of a table, and gathered from there for whole batches. Only the features of a place
or a sentence are looked up one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from coner.features import Extractor
from coner.features.gazetteer import Known

MOST_ROWS = 1 << 14  # of the table; its memory is this, times seven offsets, times the tags, times four bytes


@dataclass(frozen=True, slots=True)
class Weights:
    """What each feature adds to the score of each tag, sparse by feature.

    Attributes:
        features: F strings; their order numbers them.
        starts: F + 1; feature f has the entries ``starts[f]`` up to ``starts[f + 1]``.
        tags: for each entry a tag id.
        values: for each entry a weight.
        transitions: C x C, from tag to tag.
    """

    features: tuple[str, ...]
    starts: NDArray[np.int64]
    tags: NDArray[np.int16]
    values: NDArray[np.float32]
    transitions: NDArray[np.float64]


class Emitter:
    """Sums the weights.

    Args:
        weights: of features.
        extractor: gives the features.
        tags: how many there are (C).
    """

    def __init__(self, weights: Weights, extractor: Extractor, tags: int) -> None:
        self._weights = weights
        self._extractor = extractor
        self._tags = tags
        self._ids = {feature: index for index, feature in enumerate(weights.features)}
        self._rows: dict[tuple[str, Known], int] = {}
        self._table = np.empty((0, len(extractor.offsets), tags), dtype=np.float32)

    def __call__(self, texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Scores of the tags at each word, for texts of one length of W words. B x W x C."""
        extract, length = self._extractor, len(texts[0])
        rows = self._table_rows(texts)
        places = self._sums([extract.of_place(words, i) for words in texts for i in range(length)])
        shared = self._sums([extract.of_sentence(words) for words in texts])
        emissions = places.reshape(len(texts), length, self._tags) + shared[:, None]
        for column, offset in enumerate(extract.offsets):
            if abs(offset) < length:
                here = slice(max(0, -offset), length - max(0, offset))
                there = slice(max(0, offset), length - max(0, -offset))
                emissions[:, here] += self._table[rows[:, there], column]
        return emissions

    def _table_rows(self, texts: Sequence[Sequence[str]]) -> NDArray[np.intp]:
        """Which row of the table each word has; rows that are missing are made. B x W."""
        keys = [key for words in texts for key in zip(words, self._extractor.known(words), strict=True)]
        new = [key for key in dict.fromkeys(keys) if key not in self._rows]
        if len(self._rows) + len(new) > MOST_ROWS:
            self._rows.clear()
            new = list(dict.fromkeys(keys))
        first = len(self._rows)
        self._rows.update((key, first + number) for number, key in enumerate(new))
        if len(self._rows) > len(self._table):
            wider = np.empty((2 * len(self._rows), *self._table.shape[1:]), dtype=np.float32)
            wider[: len(self._table)] = self._table
            self._table = wider
        given = [self._extractor.given(*key) for key in new]
        strings = [[*letters[o], *known[o]] for letters, known in given for o in self._extractor.offsets]
        self._table[first : len(self._rows)] = self._sums(strings).reshape(len(new), *self._table.shape[1:])
        return np.array([self._rows[key] for key in keys], dtype=np.intp).reshape(len(texts), -1)

    def _sums(self, rows: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """The weights of some features, summed a row. N x C."""
        w, ids = self._weights, self._ids
        known = [[ids[feature] for feature in row if feature in ids] for row in rows]
        features = np.fromiter(chain.from_iterable(known), dtype=np.int64)
        cells = np.repeat(np.arange(len(rows)) * self._tags, [len(row) for row in known])
        sizes = w.starts[features + 1] - w.starts[features]
        # All entries of all features on one line: where each feature's begin, and the count from there.
        entries = np.repeat(w.starts[features] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        cells = np.repeat(cells, sizes) + w.tags[entries]
        sums = np.bincount(cells, weights=w.values[entries], minlength=len(rows) * self._tags)
        return sums.astype(np.float64).reshape(len(rows), self._tags)
