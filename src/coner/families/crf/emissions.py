"""From words to the scores of their tags: the weights of all features of a word, summed, with little Python per word.

Most features of a word depend on a word type alone, its own or a neighbour's. So what a type gives to the word at each
offset is summed once, kept as a row of a table, and gathered from there for whole batches. Only the features of a place
or a sentence are looked up each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coner.features import Extractor
from coner.features.gazetteer import Entry
from coner.features.registry import Scope

DENSE = 6  # from a weight for every sixth tag on, a feature's weights are held as a row of all tags
MOST_ROWS = 1 << 14  # of the table; its memory is this, times its columns (9), times the tags (67), times four bytes
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Weights:
    """What each feature adds to the score of each tag, sparse by feature.

    Attributes:
        features: F strings; their order numbers them.
        starts: F + 1; feature f has the entries ``starts[f]`` up to ``starts[f + 1]``.
        tags: for each entry a tag id.
        values: for each entry a weight.
        transitions: C x C, from tag to tag.

    Raises:
        ValueError: these do not fit each other.
    """

    features: tuple[str, ...]
    starts: Ints
    tags: NDArray[np.int16]
    values: NDArray[np.float32]
    transitions: NDArray[np.float64]

    def __post_init__(self) -> None:
        counts = len(self.features) + 1, len(self.tags), int(self.starts[-1]) if len(self.starts) else 0
        if counts != (len(self.starts), len(self.values), len(self.values)) or (np.diff(self.starts) < 0).any():
            raise ValueError("its features, tags and weights do not belong together")
        if len(self.tags) and not 0 <= self.tags.min() <= self.tags.max() < len(self.transitions):
            raise ValueError("it has weights for tags that are not there")


class _Found(NamedTuple):
    """Features with the same prefix: to which row each belongs, and its number."""

    prefix: str
    rows: NDArray[np.intp]
    ids: Ints


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
        # By prefix first: no strings have to be made to look a value up.
        self._ids: defaultdict[str, dict[str, int]] = defaultdict(dict)  # prefix, to value, to number
        for number, feature in enumerate(weights.features):
            name, equals, value = feature.partition("=")
            self._ids[name + equals][value] = number
        sizes = np.diff(weights.starts)
        dense = sizes * DENSE >= tags
        self._dense = np.where(dense, dense.cumsum() - 1, -1)  # of each feature the row in the next; -1: none
        cells = np.repeat(self._dense, sizes) * tags + weights.tags
        kept = np.repeat(dense, sizes)
        sums = np.bincount(cells[kept], weights=weights.values[kept], minlength=dense.sum() * tags)
        self._dense_weights = sums.astype(np.float32).reshape(-1, tags)
        self._offsets, self._columns = _columns(extractor)
        self._rows: dict[tuple[str, Entry], int] = {}
        self._table = np.empty((0, len(self._offsets), tags), dtype=np.float32)

    def __call__(self, texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Scores of the tags at each word, for texts of one length of W words. B x W x C."""
        length = len(texts[0])
        rows = self._table_rows(texts)
        places = [(words, i) for words in texts for i in range(length)]
        of_places = self._sums(self._find("place", places), len(places))
        of_sentences = self._sums(self._find("sentence", [(words,) for words in texts]), len(texts))
        emissions = of_places.reshape(len(texts), length, self._tags) + of_sentences[:, None]
        for column, offsets in enumerate(self._offsets):
            for offset in offsets:
                if abs(offset) < length:
                    here = slice(max(0, -offset), length - max(0, offset))
                    there = slice(max(0, offset), length - max(0, -offset))
                    emissions[:, here] += self._table[rows[:, there], column]
        return emissions

    def _table_rows(self, texts: Sequence[Sequence[str]]) -> NDArray[np.intp]:
        """Which row of the table each word has; rows that are missing are made. B x W."""
        keys = [key for words in texts for key in zip(words, self._extractor.entries(words), strict=True)]
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
        self._table[first : len(self._rows)] = self._given(new)
        return np.array([self._rows[key] for key in keys], dtype=np.intp).reshape(len(texts), -1)

    def _given(self, keys: Sequence[tuple[str, Entry]]) -> NDArray[np.float64]:
        """What words give to the words around, by their letters and by what is known of them. N x columns x C."""
        width, clusters = len(self._offsets), self._extractor.lexicon.clusters
        found = [
            *self._find("word", [(word,) for word, _ in keys]),
            *self._find("cluster", [(clusters.get(word, ()),) for word, _ in keys]),
            *self._find("gazetteer", [(known,) for _, known in keys]),
        ]
        cells = [
            _Found(prefix, rows * width + column, ids)
            for prefix, rows, ids in found
            for column in self._columns[prefix]
        ]
        return self._sums(cells, len(keys) * width).reshape(len(keys), width, self._tags)

    def _find(self, scope: Scope, seen: Sequence[tuple[Any, ...]]) -> Iterator[_Found]:
        """The features with a weight among those of a scope, each row having what its functions see."""
        for feature in self._extractor.by_scope[scope]:
            values = [feature.function(*some) for some in seen]
            rows = np.repeat(np.arange(len(seen)), [len(some) for some in values])
            flat = list(chain.from_iterable(values))
            for prefix in dict.fromkeys(feature.prefixes.values()):
                numbers = map(self._ids[prefix].get, flat, repeat(-1))
                ids = np.fromiter(numbers, dtype=np.int64, count=len(flat))
                yield _Found(prefix, rows[ids >= 0], ids[ids >= 0])

    def _sums(self, found: Iterable[_Found], count: int) -> NDArray[np.float64]:
        """The weights of features, summed into so many rows. N x C."""
        nothing = np.empty(0, dtype=np.int64)
        parts = list(found)
        features = np.concatenate([nothing, *(part.ids for part in parts)])
        cells = np.concatenate([nothing, *(part.rows for part in parts)])
        rows = self._dense[features]
        sums = self._sums_of_entries(features[rows < 0], cells[rows < 0], count)
        _add_rows(sums, cells[rows >= 0], self._dense_weights, rows[rows >= 0])
        return sums

    def _sums_of_entries(self, features: Ints, cells: Ints, count: int) -> NDArray[np.float64]:
        """The weights of features, one by one, summed into so many rows; ``cells``: which one each goes to. N x C."""
        w = self._weights
        sizes = w.starts[features + 1] - w.starts[features]
        # All entries of all features on one line: where each feature's begin, and the count from there.
        entries = np.repeat(w.starts[features] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        places = np.repeat(cells * self._tags, sizes) + w.tags[entries]
        sums = np.bincount(places, weights=w.values[entries], minlength=count * self._tags)
        return sums.astype(np.float64).reshape(count, self._tags)


def _add_rows(sums: NDArray[np.float64], cells: Ints, weights: NDArray[np.float32], rows: Ints) -> None:
    """Add ``weights[row]`` to ``sums[cell]`` for each pair: the first of every cell at once, then the second..."""
    order = cells.argsort(kind="stable")
    rows = rows[order]
    cells, starts, counts = np.unique(cells[order], return_index=True, return_counts=True)
    fullest = (-counts).argsort(kind="stable")
    cells, starts, counts = cells[fullest], starts[fullest], counts[fullest]
    total = np.zeros((len(cells), weights.shape[1]))
    having_more = np.searchsorted(-counts, -np.arange(counts.max(initial=0)))  # how many cells have over 0, 1, ... rows
    for turn, going in enumerate(having_more):
        total[:going] += weights[rows[starts[:going] + turn]]
    sums[cells] += total


def _columns(extractor: Extractor) -> tuple[list[list[int]], dict[str, list[int]]]:
    """Offsets at which a word gives the same share a column of the table.

    Returns:
        The offsets of each column, and the columns to which the features with each prefix go.
    """
    prefixes: dict[int, list[str]] = {offset: [] for offset in extractor.offsets}
    scopes: tuple[Scope, ...] = ("word", "cluster", "gazetteer")
    for scope in scopes:
        for feature in extractor.by_scope[scope]:
            for offset, prefix in feature.prefixes.items():
                prefixes[offset].append(prefix)
    alike: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for offset, given in prefixes.items():
        alike[tuple(given)].append(offset)
    columns: defaultdict[str, list[int]] = defaultdict(list)
    for column, shared in enumerate(alike):
        for prefix in shared:
            columns[prefix].append(column)
    return list(alike.values()), columns
