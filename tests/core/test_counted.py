"""Numbers agree with their nouns."""

from __future__ import annotations

from coner.core.counted import counted, listed


def test_only_one_is_singular() -> None:
    assert [counted(number, "fault") for number in (0, 1, 2, 1000)] == [
        "0 faults",
        "1 fault",
        "2 faults",
        "1,000 faults",
    ]
    assert [counted(number, "entity", "entities") for number in (1, 3)] == ["1 entity", "3 entities"]


def test_a_long_list_says_how_many_it_leaves_out() -> None:
    assert listed(["a", "b"], 2) == "a, b"
    assert listed([str(i) for i in range(1_502)], 2) == "0, 1 and 1,500 more"
