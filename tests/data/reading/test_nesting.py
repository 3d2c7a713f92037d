"""Which of nested and overlapping entities are kept, against brute force."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.data.reading.nesting import Mark, Nested, Placed, distinct, flatten, is_nested


def placed(*spans: tuple[int, int], label: str = "P") -> list[Placed]:
    return [(first, last, Mark(first, last, label, 1.0, number)) for number, (first, last) in enumerate(spans, 1)]


def overlap(one: Placed, two: Placed) -> bool:
    return bool(set(range(*one[:2])) & set(range(*two[:2])))


SPANS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=9, unique=True)


@pytest.mark.parametrize("nested", ["outer", "inner"])
@given(SPANS)
def test_a_word_has_one_entity_and_none_is_lost(nested: Nested, spans: list[tuple[int, int]]) -> None:
    items = placed(*((start, start + length) for start, length in spans))
    kept, others = flatten(items, nested)
    assert kept == sorted(kept, key=lambda item: item[0])
    assert not any(overlap(one, two) for one, two in combinations(kept, 2))
    assert sorted((*kept, *(item for item, _ in others)), key=items.index) == items
    assert all(rival in kept and overlap(item, rival) for item, rival in others)
    if all(is_nested(one, two) for one, two in combinations(items, 2) if overlap(one, two)):
        longest = [
            one for one in items if not any(two != one and two[0] <= one[0] and one[1] <= two[1] for two in items)
        ]
        shortest = [
            one for one in items if not any(two != one and one[0] <= two[0] and two[1] <= one[1] for two in items)
        ]
        assert sorted(kept, key=items.index) == (longest if nested == "outer" else shortest)


def test_of_entities_that_cross_the_first_is_kept_or_the_shorter() -> None:
    items = placed((0, 3), (2, 4))
    assert flatten(items, "outer")[0] == items[:1]
    assert flatten(items, "inner")[0] == items[1:]


def test_the_longest_of_those_that_start_together_is_kept() -> None:
    items = placed((0, 1), (0, 3), (0, 2))
    assert flatten(items, "outer")[0] == [items[1]]
    assert flatten(items, "inner")[0] == [items[0]]


def test_equal_entities_are_one_with_the_highest_score() -> None:
    low, high = Mark(0, 3, "P", 0.2, 1), Mark(0, 3, "P", 0.9, 2)
    other = Mark(0, 3, "Q", 0.1, 3)
    assert distinct([(0, 1, low), (0, 1, high), (0, 1, other)]) == [(0, 1, high), (0, 1, other)]
