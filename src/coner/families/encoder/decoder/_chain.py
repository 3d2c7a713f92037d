"""Potentials of a linear chain over tags, and its best path."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from coner.families.encoder.decoder._packing import Packing


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Log potentials of a linear chain; those of forbidden transitions are ``-inf``.

    Attributes:
        start: of each tag at the first word. C
        transitions: ``[i, j]``: of tag j right after tag i. C x C
        end: of each tag at the last word. C
    """

    start: Tensor
    transitions: Tensor
    end: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> Chain:
        """The chain on another device, in another type."""
        return Chain(*(value.to(device, dtype) for value in (self.start, self.transitions, self.end)))

    def shifted(self) -> Chain:
        """The chain with transitions shifted to a maximum of 0, which changes no probability."""
        return Chain(self.start, self.transitions - self.transitions.max(), self.end)

    def unary(self, emissions: Tensor, packing: Packing) -> Tensor:
        """Potentials of single words, start and end included, shifted to a maximum of 0: B x W x C to N x C."""
        scores = emissions.flatten(0, 1).index_select(0, packing.words).to(self.transitions)
        scores[: len(packing)] += self.start
        scores[packing.last] += self.end
        return scores.sub_(scores.amax(1, keepdim=True))


def viterbi(unary: Tensor, transitions: Tensor, packing: Packing) -> Tensor:
    """The best path of each sentence: N x C and C x C to tag ids, N.

    No back pointers are kept: the backward pass recomputes them for the tags of the path, which is far cheaper.
    """
    best = unary.clone()
    rows = packing.positions(best)
    into = transitions.T.contiguous()
    moves = best.new_empty(len(packing), *into.shape)
    for before, now in pairwise(rows):
        before.sub_(before.amax(1, keepdim=True))  # long sums would round away the difference between two paths
        now.add_(torch.add(before[: len(now), None, :], into, out=moves[: len(now)]).amax(2))
    path = torch.empty(len(best), dtype=torch.int64, device=best.device)
    after = path[:0]
    for scores, now in zip(reversed(rows), reversed(packing.positions(path)), strict=True):
        scores[: len(after)] += into[after]
        after = torch.argmax(scores, 1, out=now)
    return path
