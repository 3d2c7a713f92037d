"""The order of sentences over a run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coner.families.encoder.training.plan import plan_epoch


@given(st.lists(st.integers(1, 60), min_size=1, max_size=400), st.integers(1, 7), st.integers(0, 3), st.integers(0, 3))
def test_every_sentence_comes_once_an_epoch(lengths: list[int], batch: int, seed: int, epoch: int) -> None:
    plan = plan_epoch(lengths, batch=batch, seed=seed, epoch=epoch)
    assert sorted(i for some in plan for i in some) == list(range(len(lengths)))
    assert max(map(len, plan)) <= batch
    assert len(plan) == -(-len(lengths) // batch)
    assert plan == plan_epoch(lengths, batch=batch, seed=seed, epoch=epoch)


def test_epochs_and_seeds_differ_and_lengths_within_a_batch_are_alike() -> None:
    lengths = [i % 40 + 1 for i in range(2000)]
    first = plan_epoch(lengths, batch=32, seed=1, epoch=0)
    assert first != plan_epoch(lengths, batch=32, seed=1, epoch=1) != plan_epoch(lengths, batch=32, seed=2, epoch=1)
    spans = [max(lengths[i] for i in some) - min(lengths[i] for i in some) for some in first]
    assert sum(spans) / len(spans) < 4
    assert [len(some) for some in first] != sorted(len(some) for some in first) or first[0] != sorted(first[0])
