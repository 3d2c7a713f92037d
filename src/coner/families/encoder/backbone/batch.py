"""The layout of a batch (see ``layout``) as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from coner.families.encoder.backbone.layout import ROUND_TO, lay_out
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces
from coner.families.encoder.backbone.typed import TypedWords, typed_words


@dataclass(frozen=True)
class WordLayout:
    """Where the words of a batch lie in its sentences, as in ``layout.word_arrays``; all that the head needs."""

    lengths: Tensor
    grid: Tensor
    cells: Tensor
    previous: Tensor
    following: Tensor

    def padded(self, words: Tensor) -> Tensor:
        """N x H to B x W x H; padding holds copies of a word."""
        return words[self.grid]

    def flat(self, padded: Tensor) -> Tensor:
        """B x W x H to N x H."""
        return padded.flatten(0, 1)[self.cells]


@dataclass(frozen=True)
class PieceLayout:
    """Where the pieces of the words lie in the encoder's rows, as in ``layout.lay_out``."""

    first: Tensor
    last: Tensor
    every: Tensor
    word: Tensor


@dataclass(frozen=True)
class Batch:
    """The input of one pass of a network, as in ``layout.lay_out``."""

    ids: Tensor
    mask: Tensor
    pieces: PieceLayout
    words: WordLayout
    typed: TypedWords | None = None  # ``None``: no word has a match


def collate(
    sentences: Sequence[Pieces], maker: PieceMaker, device: torch.device | str = "cpu", *, round_to: int = ROUND_TO
) -> Batch:
    """Lay sentences out as a batch; see ``layout.lay_out``."""
    arrays = lay_out(sentences, maker, round_to=round_to)
    batch = as_batch({name: torch.from_numpy(array).to(device) for name, array in arrays.items()})
    return replace(batch, typed=typed_words(sentences, device))


def as_batch(tensors: Mapping[str, Tensor]) -> Batch:
    """The batch of the tensors that ``layout.lay_out`` names."""
    pieces = PieceLayout(**{field.name: tensors[field.name] for field in fields(PieceLayout)})
    words = WordLayout(**{field.name: tensors[field.name] for field in fields(WordLayout)})
    return Batch(tensors["ids"], tensors["mask"], pieces, words)


def gold_grid(tags: Sequence[Sequence[int]], width: int = 0) -> Tensor:
    """Tag ids of sentences as B x W, padded with 0; W is that of the longest one, at least ``width``."""
    width = max(width, *map(len, tags))
    return torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in tags])
