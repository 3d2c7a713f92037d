"""The words of a padded batch, packed by position: all first words, then all second words, and so on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from coner.families.encoder.decoder import word_mask


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Where the N words of a batch stand.

    Sentences are ordered from long to short, so that the sentences that reach a position are the first ones of those
    that reach the position before. Sentences without a word are left out.

    Attributes:
        sizes: number of sentences that have a word at each position; sums to N.
        words: index of each packed row in the batch flattened to B*W rows. N
        before: row of the word before, for every row from S on. N - S
        last: row of each sentence's last word. S
    """

    sizes: tuple[int, ...]
    words: Tensor
    before: Tensor
    last: Tensor

    @classmethod
    def of(cls, lengths: Tensor, width: int, device: torch.device) -> Packing:
        """The packing of a batch padded to ``width`` words; ``ValueError`` if a length is out of range."""
        lengths, order = lengths.cpu().sort(descending=True, stable=True)
        present = word_mask(lengths, width).T
        position, column = present.nonzero(as_tuple=True)
        sizes = present.sum(1)
        count = int((lengths > 0).sum())
        before = torch.arange(count, len(position)) - sizes[position[count:] - 1]
        last = (sizes.cumsum(0) - sizes)[lengths[:count] - 1] + torch.arange(count)
        return cls(
            sizes=tuple(size for size in sizes.tolist() if size),
            words=(order[column] * width + position).to(device),
            before=before.to(device),
            last=last.to(device),
        )

    def positions(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Views of packed rows (N x ...), one for each position."""
        return tuple(torch.split_with_sizes(rows, self.sizes))

    def __len__(self) -> int:
        """Number of sentences that have a word: S."""
        return len(self.last)
