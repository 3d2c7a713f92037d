"""Kinds of errors and scores by length: hand-made cases, and random ones against the scorer."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.types import Entity
from coner.evaluation.errors import Errors, classify_errors, score_lengths
from coner.evaluation.score import score


@pytest.mark.parametrize(
    ("predicted", "outcome"),
    [
        ([Entity(2, 4, "A")], {"right": 1}),
        ([Entity(2, 4, "B")], {"label": 1}),
        ([Entity(3, 5, "A")], {"boundary": 1}),
        ([Entity(2, 3, "B"), Entity(3, 4, "A")], {"boundary": 1}),
        ([Entity(0, 3, "B")], {"both": 1}),
        ([], {"missed": 1}),
        ([Entity(0, 2, "A"), Entity(4, 5, "A")], {"missed": 1, "spurious": 2}),  # adjacent spans do not overlap
        ([Entity(2, 4, "A"), Entity(6, 7, "B")], {"right": 1, "spurious": 1}),
    ],
)
def test_each_outcome_of_a_mention(predicted: list[Entity], outcome: dict[str, int]) -> None:
    assert classify_errors([[Entity(2, 4, "A")]], [predicted]) == Errors(**outcome)


@st.composite
def sentence(draw: st.DrawFn) -> list[Entity]:
    """Entities of a sentence that do not overlap."""
    borders = sorted(draw(st.sets(st.integers(0, 12), max_size=8)))
    pairs = zip(borders[::2], borders[1::2], strict=False)
    return [Entity(a, b, draw(st.sampled_from("AB"))) for a, b in pairs]


@given(st.lists(st.tuples(sentence(), sentence()), max_size=6))
def test_counts_agree_with_the_scorer(pairs: list[tuple[list[Entity], list[Entity]]]) -> None:
    gold, predicted = [one for one, _ in pairs], [other for _, other in pairs]
    errors, scores = classify_errors(gold, predicted), score(gold, predicted)
    assert errors.right == sum(result.tp for result in scores.fine.classes.values())
    assert errors.right + errors.label == scores.span.tp
    assert errors.right + errors.label + errors.boundary + errors.both + errors.missed == scores.span.support


def test_different_numbers_of_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        classify_errors([[]], [])


def test_a_perfect_prediction_has_no_errors() -> None:
    gold = [[Entity(0, 1, "A"), Entity(1, 2, "A")], []]
    assert classify_errors(gold, gold) == Errors(right=2, label=0, boundary=0, both=0, missed=0, spurious=0)


@st.composite
def long_mentions(draw: st.DrawFn) -> tuple[Entity, ...]:
    """Mentions of up to eight words, not overlapping."""
    borders = sorted(draw(st.sets(st.integers(0, 24), max_size=8)))
    spans = list(pairwise(borders))[::2]
    return tuple(Entity(start, end, draw(st.sampled_from("AB"))) for start, end in spans if end - start <= 8)


@given(st.lists(st.tuples(long_mentions(), long_mentions()), max_size=6))
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
