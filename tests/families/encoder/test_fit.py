"""The weight of the coarse task over training."""

from __future__ import annotations

from itertools import pairwise

import pytest

from coner.core.errors import ConfigError
from coner.families.encoder.fit import coarse_weight
from coner.families.encoder.settings import AuxiliarySettings
from coner.families.settings import parse_experiment

PAPER = [1, 0.9375, 0.875, 0.8125, 0.75, 0.6875, 0.625, 0.5625, 0.5, 0.4375, 0.375, 0.3125, 0.25, 0.1875, 0.125, 0.0625]


def by_epoch(epochs: int, **settings: object) -> list[float]:
    chosen = AuxiliarySettings.model_validate({"schedule": "residual", **settings})
    return [coarse_weight(chosen, epochs=epochs, progress=epoch) for epoch in range(epochs)]


def test_twenty_epochs_match_the_table_of_the_paper() -> None:
    assert by_epoch(20) == [*PAPER, 0.1, 0.1, 0.1, 0.1]


@pytest.mark.parametrize("epochs", range(6, 60))
def test_residual_follows_the_rule_of_the_paper(epochs: int) -> None:
    """After epoch e, if e < M-5 then w -= 1/(M-4), else w = 0.1."""
    weight, expected = 1.0, []
    for epoch in range(epochs):
        expected.append(weight)
        weight = weight - 1 / (epochs - 4) if epoch < epochs - 5 else 0.1
    assert by_epoch(epochs) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("epochs", range(1, 6))
def test_few_epochs_drop_the_coarse_loss_after_the_first(epochs: int) -> None:
    assert by_epoch(epochs) == [1.0, *[0.0] * (epochs - 1)]


def test_weight_is_constant_within_an_epoch() -> None:
    settings = AuxiliarySettings(schedule="residual")
    assert coarse_weight(settings, epochs=20, progress=3.99) == coarse_weight(settings, epochs=20, progress=3)


def test_by_step_the_weight_falls_smoothly_and_stays_above_the_residual() -> None:
    settings = AuxiliarySettings(schedule="residual", by="step")
    weights = [coarse_weight(settings, epochs=8, progress=i / 100) for i in range(800)]
    assert weights[0] == 1
    assert weights == sorted(weights, reverse=True)
    assert weights[200] == pytest.approx(0.5)
    assert set(weights[400:]) == {0.1}
    assert max(a - b for a, b in pairwise(weights)) < 0.01


def test_linear_differs_from_residual_only_at_the_end() -> None:
    assert by_epoch(8, schedule="linear") == [1, 0.75, 0.5, 0.25, 0, 0, 0, 0]
    assert by_epoch(8) == [1, 0.75, 0.5, 0.25, 0.1, 0.1, 0.1, 0.1]


def test_constant_and_none() -> None:
    assert by_epoch(3, schedule="constant", start=0.3) == [0.3] * 3
    assert by_epoch(3, schedule="none") == [0.0] * 3


def test_constant_weight_of_one_is_an_error() -> None:
    with pytest.raises(ConfigError, match="drops the fine loss"):
        parse_experiment({"kind": "encoder", "auxiliary": {"schedule": "constant"}})
