"""The real words of a padded batch, packed: all first words, then all second words, and so on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from coner.families.encoder.decoder import real_words


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Where the N real words of a batch stand. Longest sentence first, so that the S sentences that still run at a
    step are the first of those that ran at the step before; a sentence without a word does not occur.

    Attributes:
        sizes: how many sentences have a word at each step; sums to N.
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
        """The packing of a batch padded to ``width``; ``ValueError`` where a length does not fit."""
        lengths, order = lengths.cpu().sort(descending=True, stable=True)
        running = real_words(lengths, width).T
        step, lane = running.nonzero(as_tuple=True)
        sizes = running.sum(1)
        count = int((lengths > 0).sum())
        before = torch.arange(count, len(step)) - sizes[step[count:] - 1]
        last = (sizes.cumsum(0) - sizes)[lengths[:count] - 1] + torch.arange(count)
        return cls(
            sizes=tuple(size for size in sizes.tolist() if size),
            words=(order[lane] * width + step).to(device),
            before=before.to(device),
            last=last.to(device),
        )

    def steps(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Views of the packed rows (N x ...), one a step."""
        return tuple(torch.split_with_sizes(rows, self.sizes))

    def __len__(self) -> int:
        """How many sentences have a word: S."""
        return len(self.last)
