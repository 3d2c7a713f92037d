"""Sentences of pieces as plain arrays: rows for the encoder, and where the words lie in them.

In numpy alone: the tagger over torch and the one without it lay their batches out by the same code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coner.families.encoder.backbone.pieces import PieceMaker, Pieces

Ids = NDArray[np.int64]
ROUND_TO = 4  # row lengths go up to a multiple, so that the matrix library prepares few shapes


def lay_out(sentences: Sequence[Pieces], maker: PieceMaker) -> dict[str, Ids]:
    """Sentences as one batch; those beyond the encoder's limit take several rows, in overlapping windows.

    Returns:
        By name, all int64: those of ``word_arrays``, and

        - ``ids``: piece ids with special tokens, padded. R x P
        - ``mask``: 1 at real pieces. R x P
        - ``first``, ``last``: each word's first and last piece. N, into R*P
        - ``every``: all pieces of all words in order. M, into R*P
        - ``word``: which word each of ``every`` belongs to. M, into N
    """
    rows: list[list[int]] = []
    places: list[tuple[int, int, int]] = []  # a window: row, first kept piece's column, how many are kept
    for sentence in sentences:
        for window in maker.windows(len(sentence.ids)):
            column = len(maker.prefix) + window.keep_from - window.start
            places.append((len(rows), column, window.keep_to - window.keep_from))
            rows.append([*maker.prefix, *sentence.ids[window.start : window.end], *maker.suffix])
    width = -(-max(map(len, rows)) // ROUND_TO) * ROUND_TO
    width = min(width, maker.window + len(maker.prefix) + len(maker.suffix))
    ids = np.full((len(rows), width), maker.pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    every = np.concatenate(
        [np.arange(row * width + column, row * width + column + n, dtype=np.int64) for row, column, n in places]
    )
    counts = np.concatenate([np.asarray(sentence.counts, dtype=np.int64) for sentence in sentences])
    ends = counts.cumsum()
    return {
        "ids": ids,
        "mask": mask,
        "first": every[ends - counts],
        "last": every[ends - 1],
        "every": every,
        "word": np.repeat(np.arange(len(counts), dtype=np.int64), counts),
        **word_arrays([len(sentence.counts) for sentence in sentences]),
    }


def word_arrays(lengths: Sequence[int]) -> dict[str, Ids]:
    """Where the words lie in sentences of so many words each, all at least one.

    Returns:
        By name, all int64:

        - ``lengths``: words a sentence. B
        - ``grid``: for each sentence and position the real word there; padding points at word 0. B x W, into N
        - ``cells``: for each real word its place in the flattened grid. N, into B*W
        - ``previous``: for each word the one before it in its sentence; itself where there is none. N
        - ``following``: likewise the one after it. N
    """
    count = np.asarray(lengths, dtype=np.int64)
    starts = count.cumsum() - count
    position = np.arange(count.max())
    real = position < count[:, None]
    words = np.arange(count.sum())
    return {
        "lengths": count,
        "grid": np.where(real, starts[:, None] + position, 0),
        "cells": np.flatnonzero(real),
        "previous": np.maximum(words - 1, np.repeat(starts, count)),
        "following": np.minimum(words + 1, np.repeat(starts + count - 1, count)),
    }


def split_by_budget(order: Sequence[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Cut an order of sentences into runs whose padded size (longest x number) stays within ``budget`` pieces.

    A sentence longer than the budget makes a run of its own: nothing is dropped.
    """
    runs: list[list[int]] = []
    longest = 0
    for i in order:
        longest = max(longest, lengths[i])
        if not runs or longest * (len(runs[-1]) + 1) > budget:
            runs.append([])
            longest = lengths[i]
        runs[-1].append(i)
    return runs
