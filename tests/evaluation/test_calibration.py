"""Calibration against its definition, computed from single predictions, and against scikit-learn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.types import Entity
from coner.evaluation.calibration import Bin, calibrate, reliability

GRID = st.sampled_from([i / 20 for i in range(21)])  # borders of bins included
PREDICTIONS = st.lists(st.tuples(GRID | st.floats(0, 1), st.booleans()), min_size=1, max_size=40)


@given(PREDICTIONS, st.integers(1, 12))
def test_errors_match_their_definitions(predictions: list[tuple[float, bool]], bins: int) -> None:
    result = reliability(np.array([s for s, _ in predictions]), np.array([r for _, r in predictions]), bins=bins)
    expected = 0.0
    edges = np.linspace(0, 1, bins + 1)
    for number, (low, high) in enumerate(pairwise(edges)):
        inside = [(s, r) for s, r in predictions if (low < s or number == 0) and (s <= high or number == bins - 1)]
        if inside:
            confidence, accuracy = (sum(column) / len(inside) for column in zip(*inside, strict=True))
            expected += len(inside) / len(predictions) * abs(accuracy - confidence)
    assert result.error == pytest.approx(expected, abs=1e-12)
    assert result.brier == pytest.approx(sum((s - r) ** 2 for s, r in predictions) / len(predictions))
    assert sum(entry.count for entry in result.bins) == result.count == len(predictions)


@given(PREDICTIONS)
def test_bins_match_those_of_scikit_learn(predictions: list[tuple[float, bool]]) -> None:
    sklearn = pytest.importorskip("sklearn")
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss

    assert sklearn
    confidences, correct = np.array([s for s, _ in predictions]), np.array([r for _, r in predictions])
    if correct.all() or not correct.any():
        return  # scikit-learn needs both classes
    result = reliability(confidences, correct)
    accuracies, means = calibration_curve(correct, confidences, n_bins=10)
    assert [entry.accuracy for entry in result.bins] == pytest.approx(list(accuracies))
    assert [entry.confidence for entry in result.bins] == pytest.approx(list(means))
    assert result.brier == pytest.approx(brier_score_loss(correct, confidences))


def test_a_prediction_is_correct_where_span_and_label_are_in_gold() -> None:
    gold = [(Entity(0, 2, "A"), Entity(3, 4, "B")), ()]
    predicted = [(Entity(0, 2, "A", 0.95), Entity(3, 4, "A", 0.55)), (Entity(0, 1, "B", 0.52),)]
    result = calibrate(gold, predicted)
    assert result.bins == (Bin(0.5, pytest.approx(0.6), 2, pytest.approx(0.535), 0.0), Bin(0.9, 1.0, 1, 0.95, 1.0))
    assert result.error == pytest.approx((2 * 0.535 + 0.05) / 3)


def test_without_predictions_errors_are_zero() -> None:
    result = calibrate([(Entity(0, 1, "A"),)], [()])
    assert (result.count, result.error, result.brier, result.bins) == (0, 0.0, 0.0, ())


def test_different_numbers_of_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        calibrate([()], [])
