"""Word clusters: words that occur in similar contexts, learned from the training text or read from a user's file.

Learning: positive pointwise mutual information between a word and the words one and two places before and after it,
reduced to a few dimensions by a randomised singular value decomposition (Halko, Martinsson and Tropp 2011), then
spherical k-means for each number of clusters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from coner.core.errors import DataError
from coner.core.lines import Lines

Matrix = NDArray[np.float32]
Clusters = Mapping[str, tuple[str, ...]]

OFFSETS = (-2, -1, 1, 2)  # of the context words
CONTEXTS = 1500  # most frequent words, which count as contexts at each offset
VOCABULARY = 20_000  # most frequent words, which are clustered: bounds the memory to half a gigabyte
MIN_COUNT = 2  # occurrences of a word that is clustered
DIMENSIONS = 64
OVERSAMPLING = 16
POWER_ITERATIONS = 3
ROUNDS = 20
EDGE = ""  # stands for a word outside the sentence; no word is empty


def learn_clusters(sentences: Sequence[Sequence[str]], sizes: Sequence[int], seed: int) -> dict[str, tuple[str, ...]]:
    """For each word that occurs at least twice one cluster name per number of clusters, such as ``(64, 256)``.

    The same seed, which is that of the random projection and the initial centres, gives the same clusters.
    """
    counts = Counter(word for words in sentences for word in words)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))  # ties by spelling, not by order in the text
    vocabulary = [word for word in frequent[:VOCABULARY] if counts[word] >= MIN_COUNT]
    if not vocabulary or not sizes:
        return {}
    rng = np.random.default_rng(seed)
    matrix = _mutual_information(sentences, vocabulary, frequent[:CONTEXTS])
    with threadpool_limits(1, "blas"):  # else rounding, and so the clusters, depends on the number of threads
        vectors = _project(matrix, rng)
        levels = [_kmeans(vectors, min(size, len(vocabulary)), rng) for size in sizes]
    return {word: tuple(str(level[row]) for level in levels) for row, word in enumerate(vocabulary)}


def read_clusters(path: Path) -> dict[str, tuple[str, ...]]:
    """Read lines ``word<TAB>cluster``, with optional further clusters, coarse to fine, after further tabs.

    ``DataError`` if the file cannot be read, a line has no cluster, or a word occurs twice.
    """
    clusters: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(Lines(path), start=1):
        word, *names = line.split("\t")
        if not word and not names:
            continue
        if not word or not names or not all(names):
            raise DataError("expected word<TAB>cluster", path, number)
        if word in clusters:
            raise DataError(f"got word {word!r} twice; expected one line per word", path, number)
        clusters[word] = tuple(names)
    if not clusters:
        raise DataError("got no clusters; expected lines word<TAB>cluster", path)
    return clusters


def _mutual_information(sentences: Sequence[Sequence[str]], vocabulary: list[str], contexts: list[str]) -> Matrix:
    """Positive pointwise mutual information, words x (offsets * contexts); the sentence edge is a context too."""
    rows = {word: row for row, word in enumerate(vocabulary)}
    columns = {word: column for column, word in enumerate([*contexts, EDGE])}
    width, edges = len(columns), [EDGE] * max(OFFSETS)
    counts = np.zeros((len(vocabulary), len(OFFSETS) * width), dtype=np.float32)
    for words in sentences:
        padded = [columns.get(word) for word in (*edges, *words, *edges)]
        for i, word in enumerate(words, start=len(edges)):
            if word in rows:
                for place, offset in enumerate(OFFSETS):
                    if (column := padded[i + offset]) is not None:
                        counts[rows[word], place * width + column] += 1
    by_context = counts.sum(axis=0) ** 0.75  # smoothed, so that rare contexts do not dominate (Levy et al. 2015)
    shares = by_context / by_context.sum()
    for own, total in zip(counts, counts.sum(axis=1), strict=True):  # by row: a second matrix would double the memory
        expected = total * shares
        np.divide(own, expected, out=own, where=expected > 0)
        np.log(np.maximum(own, 1), out=own)
    return counts


def _project(matrix: Matrix, rng: np.random.Generator) -> Matrix:
    """Leading left singular vectors, weighted by the root of their singular values, with rows of length one."""
    size = min(DIMENSIONS, *matrix.shape)
    sample = rng.standard_normal((matrix.shape[1], min(size + OVERSAMPLING, *matrix.shape)), dtype=np.float32)
    basis = matrix @ sample
    for _ in range(POWER_ITERATIONS):
        other = np.linalg.qr(matrix.T @ np.linalg.qr(basis)[0])[0]
        basis = matrix @ other
    basis = np.linalg.qr(basis)[0]
    left, values, _ = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    return _directions((basis @ left)[:, :size] * np.sqrt(values[:size]))


def _kmeans(vectors: Matrix, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """The nearest of ``size`` centres for each row."""
    centres = vectors[rng.choice(len(vectors), size, replace=False)]
    nearest: NDArray[np.intp] = (vectors @ centres.T).argmax(axis=1)
    for _ in range(ROUNDS):
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, vectors)
        kept = np.any(sums != 0, axis=1, keepdims=True)  # a centre without words stays where it was
        centres = np.where(kept, _directions(sums), centres)
        nearest = (vectors @ centres.T).argmax(axis=1)
    return nearest


def _directions(rows: Matrix) -> Matrix:
    lengths: Matrix = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return rows / lengths
