"""Which sentences make which step: a pure function of the seed and the epoch, so that a run can go on anywhere."""

from __future__ import annotations

import random
from collections.abc import Sequence

BATCHES_A_POOL = 50  # sorting by length within pools keeps padding low and the order still random


def plan_epoch(lengths: Sequence[int], *, batch: int, seed: int, epoch: int) -> list[list[int]]:
    """Sentences of one epoch as batches of like length, in random order.

    Args:
        lengths: pieces of each sentence.
        batch: sentences a batch; the last of a pool may have fewer.
        seed: of the run.
        epoch: counted from 0.

    Returns:
        Indices into ``lengths``; every sentence once.
    """
    chance = random.Random(f"{seed} {epoch}")
    order = list(range(len(lengths)))
    chance.shuffle(order)
    batches: list[list[int]] = []
    pool = batch * BATCHES_A_POOL
    for start in range(0, len(order), pool):
        alike = sorted(order[start : start + pool], key=lambda i: lengths[i])
        batches.extend(alike[i : i + batch] for i in range(0, len(alike), batch))
    chance.shuffle(batches)
    return batches
