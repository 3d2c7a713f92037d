"""The layout of a batch as plain arrays: rows of pieces for the encoder, and where the words lie in them.

It uses numpy only, so that the taggers with and without torch share it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coner.families.encoder.backbone.pieces import PieceMaker, Pieces

Ids = NDArray[np.int64]
ROUND_TO = 4  # row lengths are multiples of this, so that oneDNN, which multiplies in bfloat16, prepares few shapes


def lay_out(sentences: Sequence[Pieces], maker: PieceMaker, *, round_to: int = ROUND_TO) -> dict[str, Ids]:
    """Sentences as one batch; those longer than the encoder's limit take several rows, in overlapping windows.

    Rows are padded to a multiple of ``round_to``. The text about a sentence follows each of its windows.

    Returns:
        By name, all int64: those of ``word_arrays``, and

        - ``ids``: piece ids with special tokens, padded. R x P
        - ``mask``: 1 at pieces, 0 at padding. R x P
        - ``first``, ``last``: each word's first and last piece. N, indices into R*P
        - ``every``: all pieces of all words in order. M, indices into R*P
        - ``word``: the word of each of ``every``. M, indices into N
    """
    rows: list[list[int]] = []
    places: list[tuple[int, int, int]] = []  # of each window: row, column of the first kept piece, number of these
    for sentence in sentences:
        text = sentence.text
        second = [*text, *maker.suffix] if text else []
        for window in maker.windows(len(sentence.ids), reserved=len(second)):
            column = len(maker.prefix) + window.keep_from - window.start
            places.append((len(rows), column, window.keep_to - window.keep_from))
            rows.append([*maker.prefix, *sentence.ids[window.start : window.end], *maker.suffix, *second])
    width = -(-max(map(len, rows)) // round_to) * round_to
    width = min(width, maker.window + len(maker.prefix) + len(maker.suffix))
    ids = np.full((len(rows), width), maker.pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
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
    """Where the words lie in sentences with these numbers of words, all at least one.

    Returns:
        By name, all int64:

        - ``lengths``: words of each sentence. B
        - ``grid``: the word at each position of each sentence; at padding, word 0. B x W, indices into N
        - ``cells``: the position of each word in the flattened grid. N, indices into B*W
        - ``previous``, ``following``: each word's neighbour in its sentence, or itself at the edge. N, indices into N
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


def split_by_budget(
    order: Sequence[int], lengths: Sequence[int], budget: int, *, enough: int | None = None
) -> list[list[int]]:
    """Cut an order of sentences into runs with a padded size (longest x number) of at most ``budget`` pieces.

    A sentence longer than the budget is a run of its own. A run of at least ``enough`` pieces also ends before a longer
    sentence, which would pad the others; by default it does not.
    """
    runs: list[list[int]] = []
    longest = 0
    for i in order:
        count = len(runs[-1]) if runs else 0
        full = max(longest, lengths[i]) * (count + 1) > budget
        if not runs or full or (enough is not None and enough <= longest * count and longest < lengths[i]):
            runs.append([])
            longest = 0
        longest = max(longest, lengths[i])
        runs[-1].append(i)
    return runs
