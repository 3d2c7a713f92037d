"""Sentences of pieces to tensors: rows for the encoder, and where the words lie in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from coner.encoder.pieces import PieceMaker, Pieces

ROUND_TO = 4  # row lengths go up to a multiple, so that the matrix library prepares few shapes


@dataclass(frozen=True)
class WordLayout:
    """How the real words of a batch lie in their sentences; all that the head needs to know.

    Attributes:
        lengths: words a sentence. B
        grid: for each sentence and position the real word there; padding points at word 0. B x W, into N
        cells: for each real word its place in the flattened grid. N, into B*W
        previous: for each word the one before it in its sentence; itself where there is none. N
        following: likewise the one after it. N
    """

    lengths: Tensor
    grid: Tensor
    cells: Tensor
    previous: Tensor
    following: Tensor

    def to(self, device: torch.device) -> WordLayout:
        """The same on another device."""
        return WordLayout(*(getattr(self, field.name).to(device) for field in fields(self)))

    def padded(self, words: Tensor) -> Tensor:
        """N x H to B x W x H; padding holds copies of a real word, which nothing may look at."""
        return words[self.grid]

    def flat(self, padded: Tensor) -> Tensor:
        """B x W x H to N x H."""
        return padded.flatten(0, 1)[self.cells]


@dataclass(frozen=True)
class PieceLayout:
    """Where the pieces of the words lie in the encoder's rows.

    Attributes:
        first: each word's first piece. N, into R*P
        last: each word's last piece. N, into R*P
        every: all pieces of all words in order. M, into R*P
        word: which word each of ``every`` belongs to. M, into N
    """

    first: Tensor
    last: Tensor
    every: Tensor
    word: Tensor

    def to(self, device: torch.device) -> PieceLayout:
        """The same on another device."""
        return PieceLayout(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Batch:
    """What one pass of the network takes.

    Attributes:
        ids: piece ids with special tokens, padded. R x P
        mask: 1 at real pieces. R x P
        pieces: where the words' pieces lie in the rows.
        words: where the words lie in the sentences.
    """

    ids: Tensor
    mask: Tensor
    pieces: PieceLayout
    words: WordLayout

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(self.ids.to(device), self.mask.to(device), self.pieces.to(device), self.words.to(device))


def collate(sentences: Sequence[Pieces], maker: PieceMaker) -> Batch:
    """Lay sentences out as a batch; those beyond the encoder's limit take several rows, in overlapping windows."""
    rows: list[list[int]] = []
    places: list[list[tuple[int, int, int]]] = []  # a sentence: (row, first kept piece's column, how many) a window
    for sentence in sentences:
        kept = []
        for window in maker.windows(len(sentence.ids)):
            column = len(maker.prefix) + window.keep_from - window.start
            kept.append((len(rows), column, window.keep_to - window.keep_from))
            rows.append([*maker.prefix, *sentence.ids[window.start : window.end], *maker.suffix])
        places.append(kept)
    width = -(-max(map(len, rows)) // ROUND_TO) * ROUND_TO
    width = min(width, maker.window + len(maker.prefix) + len(maker.suffix))
    ids = np.full((len(rows), width), maker.pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    every = np.concatenate(
        [np.arange(row * width + column, row * width + column + n) for kept in places for row, column, n in kept]
    )
    counts = np.concatenate([np.asarray(sentence.counts) for sentence in sentences])
    ends = counts.cumsum()
    pieces = PieceLayout(
        first=torch.from_numpy(every[ends - counts]),
        last=torch.from_numpy(every[ends - 1]),
        every=torch.from_numpy(every),
        word=torch.from_numpy(np.repeat(np.arange(len(counts)), counts)),
    )
    layout = word_layout([len(sentence.counts) for sentence in sentences])
    return Batch(torch.from_numpy(ids), torch.from_numpy(mask), pieces, layout)


def word_layout(lengths: Sequence[int]) -> WordLayout:
    """The layout of sentences of so many words each, all at least one."""
    count = np.asarray(lengths)
    starts = count.cumsum() - count
    position = np.arange(count.max())
    real = position < count[:, None]
    words = np.arange(count.sum())
    first = np.repeat(starts, count)
    last = np.repeat(starts + count - 1, count)
    return WordLayout(
        lengths=torch.from_numpy(count),
        grid=torch.from_numpy(np.where(real, starts[:, None] + position, 0)),
        cells=torch.from_numpy(np.flatnonzero(real)),
        previous=torch.from_numpy(np.maximum(words - 1, first)),
        following=torch.from_numpy(np.minimum(words + 1, last)),
    )


def gold_grid(tags: Sequence[Sequence[int]]) -> Tensor:
    """Tag ids of sentences as B x W, padded with 0."""
    width = max(map(len, tags))
    return torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in tags])


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
