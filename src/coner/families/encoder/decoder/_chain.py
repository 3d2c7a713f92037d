"""A linear chain over tags: its potentials, and the best path through them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from coner.families.encoder.decoder._packing import Packing


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Log potentials of the moves; forbidden ones are ``-inf``.

    Attributes:
        start: of beginning with a tag. C
        step: ``step[i, j]`` of going from tag i to tag j. C x C
        end: of ending with a tag. C
    """

    start: Tensor
    step: Tensor
    end: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> Chain:
        """The same potentials elsewhere."""
        return Chain(self.start.to(device, dtype), self.step.to(device, dtype), self.end.to(device, dtype))

    def shifted(self) -> Chain:
        """The steps shifted to a maximum of 0: every path of a length loses the same, so no probability changes."""
        return Chain(self.start, self.step - self.step.max(), self.end)

    def unary(self, emissions: Tensor, packing: Packing) -> Tensor:
        """Each word's own potentials, start and end included, shifted to a maximum of 0. N x C.

        Args:
            emissions: B x W x C.
            packing: says where the N words are.
        """
        scores = emissions.flatten(0, 1).index_select(0, packing.words).to(self.step)
        scores[: len(packing)] += self.start
        scores[packing.last] += self.end
        return scores.sub_(scores.amax(1, keepdim=True))


def viterbi(unary: Tensor, step: Tensor, packing: Packing) -> Tensor:
    """The best path of each sentence.

    The forward pass keeps the best score of every tag, but not where it came from: that is found again on the way
    back, for the one tag a word that lies on the path, which is far cheaper.

    Args:
        unary: N x C, from ``Chain.unary``.
        step: C x C.
        packing: the order of the rows.

    Returns:
        Tag ids. N, int64
    """
    best = unary.clone()
    rows = packing.steps(best)
    into = step.T.contiguous()
    moves = best.new_empty(len(packing), *into.shape)
    for before, now in pairwise(rows):
        before.sub_(before.amax(1, keepdim=True))  # in long sums, what tells two paths apart would be rounded away
        now.add_(torch.add(before[: len(now), None, :], into, out=moves[: len(now)]).amax(2))
    path = torch.empty(len(best), dtype=torch.int64, device=best.device)
    after = path[:0]
    for scores, now in zip(reversed(rows), reversed(packing.steps(path)), strict=True):
        scores[: len(after)] += into[after]
        after = torch.argmax(scores, 1, out=now)
    return path
