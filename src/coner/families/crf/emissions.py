"""Emission scores of the CRF: the summed weights of all features of each word, with little Python per word.

Most features of a word depend only on a word type, its own or a neighbour's. The contributions of a type to the words
at each offset are therefore summed once, kept as a row of a table, and gathered from there for whole batches. Only the
features of the scopes ``place`` and ``sentence`` are looked up each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat, starmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coner.features import Extractor
from coner.features.functions import Scope
from coner.features.gazetteer import GazetteerEntry
from coner.features.known import Covers

DENSE = 6  # a feature with weights for at least one tag in six is stored as a row of all tags
MAX_WEIGHT = 1e6  # trained ones are below 100; the sum over all features of a word stays finite
MAX_ROWS = 1 << 14  # of the table: 40 MB of float32 with 9 columns and 67 tags
Ints = NDArray[np.int64]
Key = tuple[str, GazetteerEntry, Covers]  # a word in its sentence
Matches = tuple[str, NDArray[np.intp], Ints]  # a prefix, and the features with it: output row of each, and its number


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a CRF, those of features sparse in compressed rows; ``ValueError`` if they are inconsistent."""

    features: tuple[str, ...]  # F
    starts: Ints  # feature f has the entries ``starts[f]`` to ``starts[f + 1]``. F + 1
    tags: NDArray[np.int16]  # tag id of each entry
    values: NDArray[np.float32]  # weight of each entry
    transitions: NDArray[np.float64]  # from tag to tag. C x C

    def __post_init__(self) -> None:
        counts = len(self.features) + 1, len(self.tags), int(self.starts[-1]) if len(self.starts) else 0
        ordered = len(self.starts) and self.starts[0] == 0 and (np.diff(self.starts) >= 0).all()
        if counts != (len(self.starts), len(self.values), len(self.values)) or not ordered:
            raise ValueError("inconsistent numbers of features, tags and weights")
        if not (np.abs(self.values) <= MAX_WEIGHT).all() or not (np.abs(self.transitions) <= MAX_WEIGHT).all():
            raise ValueError(f"weights that are NaN, infinite or above {MAX_WEIGHT:g}")
        if len(self.tags) and not 0 <= self.tags.min() <= self.tags.max() < len(self.transitions):
            raise ValueError("weights of tags that do not exist")


class Emitter:
    """Computes emissions of C ``tags`` from the weights of the extractor's features."""

    def __init__(self, weights: Weights, extractor: Extractor, tags: int) -> None:
        self._weights = weights
        self._extractor = extractor
        self._tags = tags
        # By prefix, then by value: a lookup builds no new string.
        self._ids: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for number, feature in enumerate(weights.features):
            name, equals, value = feature.partition("=")
            self._ids[name + equals][value] = number
        sizes = np.diff(weights.starts)
        dense = sizes * DENSE >= tags
        self._dense = np.where(dense, dense.cumsum() - 1, -1)  # row of each feature in the dense weights; -1: none
        cells = np.repeat(self._dense, sizes) * tags + weights.tags
        kept = np.repeat(dense, sizes)
        sums = np.bincount(cells[kept], weights=weights.values[kept], minlength=dense.sum() * tags)
        self._dense_weights = sums.astype(np.float32).reshape(-1, tags)
        self._offsets, self._columns = _columns(extractor)
        self._rows: dict[Key, int] = {}
        self._table = np.empty((0, len(self._offsets), tags), dtype=np.float32)

    def __call__(self, texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Scores of the tags of each word, for texts of W words each. B x W x C."""
        length = len(texts[0])
        rows = self._table_rows(texts)
        places = [(words, i) for words in texts for i in range(length)]
        of_places = self._sum(self._match("place", places), len(places))
        of_sentences = self._sum(self._match("sentence", [(words,) for words in texts]), len(texts))
        emissions = of_places.reshape(len(texts), length, self._tags) + of_sentences[:, None]
        for column, offsets in enumerate(self._offsets):
            of_words = self._table[rows, column]  # gathered once for all offsets
            for offset in offsets:
                if abs(offset) < length:
                    here = slice(max(0, -offset), length - max(0, offset))
                    there = slice(max(0, offset), length - max(0, -offset))
                    emissions[:, here] += of_words[:, there]
        return emissions

    def _table_rows(self, texts: Sequence[Sequence[str]]) -> NDArray[np.intp]:
        """Row of the table for each word; missing rows are computed. B x W."""
        of = self._extractor
        keys = [key for words in texts for key in zip(words, of.entries(words), of.known(words), strict=True)]
        found = [self._rows.get(key, -1) for key in keys]
        new = list(dict.fromkeys(key for key, row in zip(keys, found, strict=True) if row < 0))
        if not new:  # hashing a key takes longer than looking it up
            return np.array(found, dtype=np.intp).reshape(len(texts), -1)
        if len(self._rows) + len(new) > MAX_ROWS:
            self._rows.clear()
            new = list(dict.fromkeys(keys))
        first = len(self._rows)
        self._rows.update((key, first + number) for number, key in enumerate(new))
        if len(self._rows) > len(self._table):
            wider = np.empty((2 * len(self._rows), *self._table.shape[1:]), dtype=np.float32)
            wider[: len(self._table)] = self._table
            self._table = wider
        self._table[first : len(self._rows)] = self._contributions(new)
        return np.array([self._rows[key] for key in keys], dtype=np.intp).reshape(len(texts), -1)

    def _contributions(self, keys: Sequence[Key]) -> NDArray[np.float64]:
        """Contributions of words, their gazetteer entries and known names to the words around. N x columns x C."""
        width, clusters = len(self._offsets), self._extractor.lexicon.clusters
        matches = chain(
            self._match("word", [(word,) for word, _, _ in keys]),
            self._match("cluster", [(clusters.get(word, ()),) for word, _, _ in keys]),
            self._match("gazetteer", [(entry,) for _, entry, _ in keys]),
            self._match("knowledge", [(covers,) for _, _, covers in keys]),
        )
        cells = [(p, rows * width + column, ids) for p, rows, ids in matches for column in self._columns[p]]
        return self._sum(cells, len(keys) * width).reshape(len(keys), width, self._tags)

    def _match(self, scope: Scope, arguments: Sequence[tuple[Any, ...]]) -> Iterator[Matches]:
        """The features of a scope that have weights; row i belongs to the i-th arguments."""
        for feature in self._extractor.by_scope[scope]:
            values = list(starmap(feature.function, arguments))
            sizes = np.fromiter(map(len, values), dtype=np.intp, count=len(values))
            rows = np.repeat(np.arange(len(arguments)), sizes)
            flat = list(chain.from_iterable(values))
            for prefix in dict.fromkeys(feature.prefixes.values()):
                numbers = map(self._ids[prefix].get, flat, repeat(-1))
                ids = np.fromiter(numbers, dtype=np.int64, count=len(flat))
                yield prefix, rows[ids >= 0], ids[ids >= 0]

    def _sum(self, matches: Iterable[Matches], count: int) -> NDArray[np.float64]:
        """Sum the weights of features into ``count`` rows. N x C."""
        found, empty = list(matches), np.empty(0, dtype=np.int64)
        features = np.concatenate([empty, *(ids for _, _, ids in found)])
        cells = np.concatenate([empty, *(rows for _, rows, _ in found)])
        dense_rows = self._dense[features]
        sparse, dense = dense_rows < 0, dense_rows >= 0
        w, chosen = self._weights, features[sparse]
        sizes = w.starts[chosen + 1] - w.starts[chosen]
        # Indices of all entries of all features: the start of each feature, repeated, plus a count from there.
        entries = np.repeat(w.starts[chosen] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        places = np.repeat(cells[sparse] * self._tags, sizes) + w.tags[entries]
        totals = np.bincount(places, weights=w.values[entries], minlength=count * self._tags)
        sums = totals.astype(np.float64, copy=False).reshape(count, self._tags)  # bincount of nothing gives integers
        _add_rows(sums, cells[dense], self._dense_weights, dense_rows[dense])
        return sums


def _add_rows(sums: NDArray[np.float64], cells: Ints, weights: NDArray[np.float32], rows: Ints) -> None:
    """Add ``weights[row]`` to ``sums[cell]`` for each pair: the first pair of every cell at once, then the second..."""
    order = cells.argsort(kind="stable")
    rows = rows[order]
    cells, starts, counts = np.unique(cells[order], return_index=True, return_counts=True)
    fullest = (-counts).argsort(kind="stable")
    cells, starts, counts = cells[fullest], starts[fullest], counts[fullest]
    total = np.zeros((len(cells), weights.shape[1]))
    remaining = np.searchsorted(-counts, -np.arange(counts.max(initial=0)))  # number of cells with over 0, 1, ... rows
    for turn, left in enumerate(remaining):
        total[:left] += weights[rows[starts[:left] + turn]]
    sums[cells] += total


def _columns(extractor: Extractor) -> tuple[list[list[int]], dict[str, list[int]]]:
    """Offsets that share one column of the table, as they get the same features; columns of each feature's prefix."""
    of = extractor.by_scope
    features = [*of["word"], *of["cluster"], *of["gazetteer"], *of["knowledge"]]
    same: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for offset in extractor.offsets:
        same[tuple(f.prefixes[offset] for f in features if offset in f.prefixes)].append(offset)
    columns: defaultdict[str, list[int]] = defaultdict(list)
    for column, names in enumerate(same):
        for prefix in names:
            columns[prefix].append(column)
    return list(same.values()), columns
