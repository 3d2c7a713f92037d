"""Calibrators against scikit-learn and exact fits, and the choice between them on simulated confidences."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from coner.evaluation.calibration import reliability
from coner.evaluation.calibrators import MAX_TEMPERATURE, MIN_TEMPERATURE, Calibrator, Isotonic, Temperature, logit
from coner.evaluation.recalibration import (
    Method,
    calibrated,
    choose_method,
    compare_methods,
    fit,
    fit_isotonic,
    fit_temperature,
    held_out,
)

# Scikit-learn takes confidences that differ by less than 1e-15 for equal.
SCORES = st.sampled_from([i / 8 for i in range(9)]) | st.integers(0, 10**6).map(lambda i: i / 10**6)
PREDICTIONS = st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=40)


def arrays(predictions: list[tuple[float, bool]]) -> tuple[Any, Any]:
    scores, correct = zip(*predictions, strict=True)
    return np.array(scores, dtype=np.float64), np.array(correct, dtype=np.bool_)


@settings(max_examples=50)
@given(PREDICTIONS, st.lists(st.floats(0, 1), max_size=10))
def test_isotonic_regression_equals_that_of_scikit_learn(
    predictions: list[tuple[float, bool]], others: list[float]
) -> None:
    isotonic = pytest.importorskip("sklearn.isotonic")
    scores, correct = arrays(predictions)
    model = isotonic.IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, correct)
    asked = np.array([*scores, *others])
    assert calibrated(fit_isotonic(scores, correct), asked) == pytest.approx(model.predict(asked), abs=1e-6)


def test_the_temperature_equals_a_logistic_regression_on_the_logit_alone() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    random = np.random.default_rng(5)
    scores = random.uniform(0.02, 0.98, 400)
    correct = random.uniform(size=400) < calibrated(Temperature(temperature=1.7), scores)
    logits = np.array([[logit(score)] for score in scores])
    oracle = linear.LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(logits, correct)
    assert 1 / fit_temperature(scores, correct).temperature == pytest.approx(oracle.coef_[0, 0], rel=1e-4)


@pytest.mark.parametrize(("score", "expected"), [(0.9, MIN_TEMPERATURE), (0.1, MAX_TEMPERATURE)])
def test_a_temperature_stays_within_its_bounds(score: float, expected: float) -> None:
    scores, correct = np.full(30, score), np.ones(30, dtype=np.bool_)
    assert fit_temperature(scores, correct).temperature == pytest.approx(expected)


@given(PREDICTIONS, st.lists(st.floats(0, 1), min_size=2, max_size=20), st.sampled_from(["temperature", "isotonic"]))
def test_a_calibrator_keeps_the_order_and_the_range(
    predictions: list[tuple[float, bool]], asked: list[float], method: Method
) -> None:
    found = calibrated(fit(method, *arrays(predictions)), np.array(sorted(asked)))
    assert all(low <= high for low, high in pairwise(found.tolist()))
    assert found.min() >= 0
    assert found.max() <= 1


def test_a_temperature_of_1_changes_nothing() -> None:
    scores = np.linspace(0.001, 0.999, 50)
    assert calibrated(Temperature(temperature=1.0), scores) == pytest.approx(scores)
    assert calibrated(None, scores) is scores


@given(PREDICTIONS)
def test_a_held_out_confidence_does_not_depend_on_its_own_fold(predictions: list[tuple[float, bool]]) -> None:
    scores, correct = arrays(predictions)
    folds = np.arange(len(scores)) % 3
    for method in ("temperature", "isotonic"):
        before = held_out(method, scores, correct, folds)
        flipped = held_out(method, scores, np.where(folds == 1, ~correct, correct), folds)
        assert np.array_equal(before[folds == 1], flipped[folds == 1])


def simulated(distort: Any) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(7)
    truth = random.uniform(0.02, 0.98, 2000)
    return distort(truth), random.uniform(size=2000) < truth, random.integers(5, size=2000)


@pytest.mark.parametrize(
    ("distort", "chosen"),
    [
        (lambda p: p, "none"),
        (lambda p: calibrated(Temperature(temperature=0.4), p), "temperature"),
        (lambda p: p**3, "isotonic"),
    ],
    ids=["calibrated already", "too confident", "biased"],
)
def test_the_choice_fits_the_distortion(distort: Any, chosen: Method) -> None:
    scores, correct, folds = simulated(distort)
    compared = compare_methods(scores, correct, folds)
    assert choose_method(compared, correct) == chosen
    before, after = (reliability(values, correct).error for values in (scores, compared[chosen]))
    assert after == before if chosen == "none" else after < before / 2


@pytest.mark.parametrize(
    "values",
    [
        {"method": "temperature", "temperature": 0.0},
        {"method": "temperature", "temperature": float("nan")},
        {"method": "temperature", "temperature": float("inf")},
        {"method": "temperature", "temperature": "1"},
        {"method": "platt", "temperature": 1.0},
        {"method": "isotonic", "scores": [], "probabilities": []},
        {"method": "isotonic", "scores": [0.1, 0.2], "probabilities": [0.5]},
        {"method": "isotonic", "scores": [0.2, 0.2], "probabilities": [0.1, 0.5]},
        {"method": "isotonic", "scores": [0.1, 0.2], "probabilities": [0.5, 0.4]},
        {"method": "isotonic", "scores": [0.1, float("nan")], "probabilities": [0.5, 0.5]},
        {"method": "isotonic", "scores": [0.1, 1.2], "probabilities": [0.5, 0.6]},
        {"method": "isotonic", "scores": [0.1, 0.2], "probabilities": [0.5, 0.6], "code": "x"},
    ],
)
def test_values_that_are_not_a_monotone_map_of_probabilities_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Calibrator).validate_python(values)


def test_a_calibrator_survives_json() -> None:
    for made in (Temperature(temperature=1.3), Isotonic(scores=(0.1, 0.7), probabilities=(0.0, 1.0))):
        assert TypeAdapter(Calibrator).validate_python(made.model_dump(mode="json")) == made
