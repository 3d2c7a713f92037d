"""Scores by length: the oracle is the scorer on the mentions of one length only."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from coner.core.types import Entity
from coner.evaluation.lengths import score_lengths
from coner.evaluation.score import score


@st.composite
def sentence(draw: st.DrawFn) -> tuple[Entity, ...]:
    """Mentions of up to eight words, not overlapping."""
    borders = sorted(draw(st.sets(st.integers(0, 24), max_size=8)))
    spans = list(pairwise(borders))[::2]
    return tuple(Entity(start, end, draw(st.sampled_from("AB"))) for start, end in spans if end - start <= 8)


@given(st.lists(st.tuples(sentence(), sentence()), max_size=6))
def test_each_length_has_the_scores_of_its_mentions_alone(
    pairs: list[tuple[tuple[Entity, ...], tuple[Entity, ...]]],
) -> None:
    gold, predicted = [g for g, _ in pairs], [p for _, p in pairs]
    results = score_lengths(gold, predicted, longest=4)
    assert len(results) == 4
    for length, result in enumerate(results, 1):
        kept = [
            [[e for e in entities if min(4, e.end - e.start) == length] for entities in side]
            for side in (gold, predicted)
        ]
        alone = score(*kept).fine
        assert (result.precision, result.recall, result.f1) == (alone.precision, alone.recall, alone.micro_f1)
