"""Which examples make up which step: a function of seed and epoch, so that a run can resume anywhere."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from coner.families.encoder.backbone.layout import split_by_budget

POOL = 50  # batches whose examples are sorted by length together: little padding, and still a random order


@dataclass(frozen=True)
class Batches:
    """Batches of training examples of similar length, in random order."""

    lengths: Sequence[int]  # pieces of each example
    size: int  # examples a batch
    pass_pieces: int  # maximum number of pieces per pass of the model, padding included
    seed: int

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self.epoch(0))

    def epoch(self, number: int) -> list[list[int]]:
        """The batches of an epoch (counted from 0) as indices of examples; every example occurs once."""
        generator = random.Random(f"{self.seed} {number}")
        order = list(range(len(self.lengths)))
        generator.shuffle(order)
        batches: list[list[int]] = []
        pool = self.size * POOL
        for start in range(0, len(order), pool):
            by_length = sorted(order[start : start + pool], key=lambda i: self.lengths[i])
            batches.extend(by_length[i : i + self.size] for i in range(0, len(by_length), self.size))
        generator.shuffle(batches)
        return batches

    def passes(self, examples: Sequence[int]) -> list[list[int]]:
        """The examples of a step, divided into passes of the model."""
        return split_by_budget(examples, self.lengths, self.pass_pieces)
