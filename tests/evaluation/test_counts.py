"""Counts by sentence: what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from coner.evaluation.counts import Counts


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([[0], [2], [1], [0], [0]], "does not exist"),
        ([[2], [0], [1], [0], [0]], "does not exist"),
        ([[0], [0], [-1], [0], [0]], "negative"),
        ([[1, 0], [0, 0], [1, 1], [0, 0], [0, 0]], "order"),
        ([[0, 0], [1, 0], [1, 1], [0, 0], [0, 0]], "order"),
        ([[0, 0], [1, 1], [1, 1], [0, 0], [0, 0]], "order"),
    ],
)
def test_impossible_columns_are_refused(columns: list[list[int]], message: str) -> None:
    sound = Counts(("A", "B"), 2, np.array([[0, 1], [1, 0], [1, 1], [0, 0], [0, 2]]))
    assert sound.dense()[1].tolist() == [[1, 0, 2], [0, 0, 0]]
    with pytest.raises(ValueError, match=message):
        Counts(("A", "B"), 2, np.array(columns))


def test_equality_compares_all_values() -> None:
    columns = np.array([[0, 1], [1, 0], [1, 1], [0, 0], [0, 2]])
    one = Counts(("A", "B"), 2, columns)
    assert one == Counts(("A", "B"), 2, columns.copy())
    assert one != Counts(("A", "C"), 2, columns)
    assert one != Counts(("A", "B"), 3, columns)
    assert one != Counts(("A", "B"), 2, columns + np.array([[0], [0], [1], [0], [0]]))
    assert one != Counts(("A", "B"), 2, columns[:, :1])
