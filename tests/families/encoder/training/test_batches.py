"""The order of training examples over a run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coner.families.encoder.training.schedule import Batches


@given(st.lists(st.integers(1, 60), min_size=1, max_size=400), st.integers(1, 7), st.integers(0, 3), st.integers(0, 3))
def test_every_example_occurs_once_an_epoch(lengths: list[int], size: int, seed: int, epoch: int) -> None:
    batches = Batches(lengths, size, 4096, seed)
    plan = batches.epoch(epoch)
    assert sorted(i for batch in plan for i in batch) == list(range(len(lengths)))
    assert max(map(len, plan)) <= size
    assert len(plan) == len(batches) == -(-len(lengths) // size)
    assert plan == batches.epoch(epoch)


def test_epochs_and_seeds_differ_and_lengths_within_a_batch_are_similar() -> None:
    lengths = [i % 40 + 1 for i in range(2000)]
    one, two = (Batches(lengths, 32, 4096, seed) for seed in (1, 2))
    first = one.epoch(0)
    assert first != one.epoch(1) != two.epoch(1)
    ranges = [max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in first]
    assert sum(ranges) / len(ranges) < 4
    assert [len(batch) for batch in first] != sorted(len(batch) for batch in first) or first[0] != sorted(first[0])
