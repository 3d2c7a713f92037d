"""A linear chain over the tags of a batch: its words packed by position, its potentials, and its best path."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from coner.families.encoder.decoder import word_mask

MOVES = 1 << 24  # moves between two tags that are in memory at once: 64 MiB in float32


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """The N words of a padded batch in packed rows: all first words, then all second words, and so on.

    Sentences are sorted from long to short, so that those with a word at a position are the first of those with a word
    at the position before. Sentences without a word are left out.
    """

    sizes: tuple[int, ...]  # number of sentences that have a word at each position; sums to N
    words: Tensor  # index of each packed row in the batch flattened to B*W rows. N
    before: Tensor  # row of the word before, for every row from S on. N - S
    last: Tensor  # row of each sentence's last word. S

    @classmethod
    def of(cls, lengths: Tensor, width: int, device: torch.device) -> Packing:
        """The packing of a batch padded to ``width`` words; ``ValueError`` if a length is out of range."""
        lengths, order = lengths.cpu().sort(descending=True, stable=True)
        present = word_mask(lengths, width).T
        position, column = present.nonzero(as_tuple=True)
        sizes = present.sum(1)
        count = int((lengths > 0).sum())
        words = order[column] * width + position
        before = torch.arange(count, len(position)) - sizes[position[count:] - 1]
        last = (sizes.cumsum(0) - sizes)[lengths[:count] - 1] + torch.arange(count)
        return cls(tuple(filter(None, sizes.tolist())), words.to(device), before.to(device), last.to(device))

    def positions(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Views of packed rows (N x ...), one for each position."""
        return tuple(torch.split_with_sizes(rows, self.sizes))

    def __len__(self) -> int:
        """Number of sentences that have a word: S."""
        return len(self.last)


class ChainScores(NamedTuple):
    """Log potentials of a linear chain; those of forbidden transitions are ``-inf``."""

    start: Tensor  # of each tag at the first word. C
    transitions: Tensor  # [i, j]: of tag j right after tag i. C x C
    end: Tensor  # of each tag at the last word. C

    def shifted_transitions(self) -> Tensor:
        """The transitions shifted to a maximum of 0, which changes no probability."""
        return self.transitions - self.transitions.max()

    def unary(self, emissions: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
        """Potentials of single words, start and end included, and their maxima: B x W x C to N x C and N x 1.

        The potentials are shifted to a maximum of 0.
        """
        scores = emissions.flatten(0, 1).index_select(0, packing.words).to(self.transitions)
        scores[: len(packing)] += self.start
        scores[packing.last] += self.end
        highest = scores.amax(1, keepdim=True)
        return scores.sub_(highest), highest


def groups(count: int, transitions: Tensor, maximum: int = MOVES) -> list[slice]:
    """Consecutive rows of ``count``, so few that their moves between C x C tags fit into memory together."""
    size = min(maximum, max(1, MOVES // transitions.numel()))
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def viterbi(unary: Tensor, transitions: Tensor, packing: Packing) -> Tensor:
    """The best path of each sentence: N x C and C x C to tag ids, N.

    No back pointers are stored: the backward pass recomputes those of the path, which is far cheaper.
    """
    best = unary.clone()
    rows = packing.positions(best)
    into = transitions.T.contiguous()
    largest = max((group.stop for group in groups(len(packing), into)[:1]), default=0)
    moves = best.new_empty(largest, *into.shape)
    for before, now in pairwise(rows):
        before.sub_(before.amax(1, keepdim=True))  # long sums would round away the difference between two paths
        for group in groups(len(now), into):
            some = now[group]
            some.add_(torch.add(before[group, None, :], into, out=moves[: len(some)]).amax(2))
    path = torch.empty(len(best), dtype=torch.int64, device=best.device)
    after = path[:0]
    for scores, now in zip(reversed(rows), reversed(packing.positions(path)), strict=True):
        scores[: len(after)] += into[after]
        after = torch.argmax(scores, 1, out=now)
    return path
