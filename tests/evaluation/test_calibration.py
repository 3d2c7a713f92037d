"""Calibration: against its definition, written out for single predictions, and against scikit-learn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.types import Entity
from coner.evaluation.calibration import Bin, calibrate, reliability

GRID = st.sampled_from([i / 20 for i in range(21)])  # borders of bins included
JUDGED = st.lists(st.tuples(GRID | st.floats(0, 1), st.booleans()), min_size=1, max_size=40)


@given(JUDGED, st.integers(1, 12))
def test_errors_are_those_of_the_definition(judged: list[tuple[float, bool]], bins: int) -> None:
    found = reliability(np.array([s for s, _ in judged]), np.array([r for _, r in judged]), bins=bins)
    expected = 0.0
    edges = np.linspace(0, 1, bins + 1)
    for number, (low, high) in enumerate(pairwise(edges)):
        inside = [(s, r) for s, r in judged if (low < s or number == 0) and (s <= high or number == bins - 1)]
        if inside:
            confidence, accuracy = (sum(column) / len(inside) for column in zip(*inside, strict=True))
            expected += len(inside) / len(judged) * abs(accuracy - confidence)
    assert found.error == pytest.approx(expected, abs=1e-12)
    assert found.brier == pytest.approx(sum((s - r) ** 2 for s, r in judged) / len(judged))
    assert sum(entry.count for entry in found.bins) == found.count == len(judged)


@given(JUDGED)
def test_bins_are_those_of_scikit_learn(judged: list[tuple[float, bool]]) -> None:
    sklearn = pytest.importorskip("sklearn")
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss

    assert sklearn
    scores, right = np.array([s for s, _ in judged]), np.array([r for _, r in judged])
    if right.all() or not right.any():
        return  # it wants both kinds
    found = reliability(scores, right)
    accuracies, confidences = calibration_curve(right, scores, n_bins=10)
    assert [entry.accuracy for entry in found.bins] == pytest.approx(list(accuracies))
    assert [entry.confidence for entry in found.bins] == pytest.approx(list(confidences))
    assert found.brier == pytest.approx(brier_score_loss(right, scores))


def test_a_prediction_is_right_where_span_and_label_are_in_gold() -> None:
    gold = [(Entity(0, 2, "A"), Entity(3, 4, "B")), ()]
    predicted = [(Entity(0, 2, "A", 0.95), Entity(3, 4, "A", 0.55)), (Entity(0, 1, "B", 0.52),)]
    found = calibrate(gold, predicted)
    assert found.bins == (Bin(0.5, pytest.approx(0.6), 2, pytest.approx(0.535), 0.0), Bin(0.9, 1.0, 1, 0.95, 1.0))
    assert found.error == pytest.approx((2 * 0.535 + 0.05) / 3)
    assert found.as_dict()["bins"][0]["count"] == 2


def test_nothing_predicted_is_no_error() -> None:
    found = calibrate([(Entity(0, 1, "A"),)], [()])
    assert (found.count, found.error, found.brier, found.bins) == (0, 0.0, 0.0, ())


def test_other_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        calibrate([()], [])
