"""The layout of a batch (see ``layout``) as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from coner.families.encoder.backbone.layout import lay_out, word_arrays
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces


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
    """Lay sentences out as a batch, as ``layout.lay_out`` does."""
    return as_batch({name: torch.from_numpy(array) for name, array in lay_out(sentences, maker).items()})


def as_batch(tensors: Mapping[str, Tensor]) -> Batch:
    """The batch of the tensors that ``layout.lay_out`` names."""
    pieces = PieceLayout(**{field.name: tensors[field.name] for field in fields(PieceLayout)})
    words = WordLayout(**{field.name: tensors[field.name] for field in fields(WordLayout)})
    return Batch(tensors["ids"], tensors["mask"], pieces, words)


def word_layout(lengths: Sequence[int]) -> WordLayout:
    """The layout of sentences of so many words each, all at least one."""
    return WordLayout(**{name: torch.from_numpy(array) for name, array in word_arrays(lengths).items()})


def gold_grid(tags: Sequence[Sequence[int]]) -> Tensor:
    """Tag ids of sentences as B x W, padded with 0."""
    width = max(map(len, tags))
    return torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in tags])
