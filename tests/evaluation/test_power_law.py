"""Extrapolation of learning curves: known laws are recovered, bounds hold, intervals cover what they should."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.evaluation.power_law import Forecast, forecast

SIZES = (1000, 2000, 4000, 8000)
Law = Callable[[float], float]


def exact(law: Law, sizes: tuple[int, ...] = SIZES, seeds: int = 3) -> Forecast:
    """The forecast from scores without noise, with a dev split so large that resampling changes nothing."""
    scores = [[law(size)] * seeds for size in sizes]
    return forecast(sizes, scores, np.tile([law(size) for size in sizes], (500, 1)))


@pytest.mark.parametrize(("b", "c", "h"), [(0.5, 1.0, 3000), (0.8, 0.82, 1500), (0.3, 0.9, 500), (1.0, 0.7, 9000)])
def test_scores_on_a_law_of_this_form_are_extended_along_it(b: float, c: float, h: float) -> None:
    found = exact(lambda n: c / (1 + (h / n) ** b))
    truth = c / (1 + (h / 16000) ** b)
    predicted = found.score_at(16000)
    assert predicted.low - 1e-3 <= truth <= predicted.high + 1e-3
    assert predicted.value == pytest.approx(truth, abs=0.005)
    assert predicted.high - predicted.low < 0.03


@pytest.mark.parametrize(("a", "b", "c"), [(0.3, 0.35, 1.0), (0.2, 0.5, 0.85), (0.4, 0.2, 1.0), (0.1, 0.8, 0.6)])
def test_the_inverse_power_law_of_errors_is_extended_too(a: float, b: float, c: float) -> None:
    """c - a * n ** -b, which the form fits only nearly: the interval is wider, and has the truth."""
    law: Law = lambda n: c - a * (n / 8000) ** -b  # noqa: E731
    gain, truth = exact(law).gain_at(16000), law(16000) - law(8000)
    assert gain.low <= truth <= gain.high
    assert gain.value == pytest.approx(truth, abs=0.012)


def test_a_flat_curve_stays_flat() -> None:
    gain = exact(lambda n: 0.7).gain_at(16000)
    assert abs(gain.value) < 0.002
    assert gain.high - gain.low < 0.01


def test_scores_that_still_rise_faster_and_faster_are_not_said_to_saturate() -> None:
    """As the F1 of rare classes does; a law whose gains can only shrink would predict less than the last one."""
    found = exact(lambda n: {1000: 0.01, 2000: 0.025, 4000: 0.06, 8000: 0.14}[int(n)])
    assert found.gain_at(16000).value > 0.08


def test_three_sizes_give_a_wider_interval_than_four() -> None:
    rng = np.random.default_rng(0)
    scores = [list(0.9 / (1 + (2000 / n) ** 0.5) + 0.004 * rng.standard_normal(3)) for n in SIZES]
    draws = np.tile([np.mean(runs) for runs in scores], (1000, 1))
    four, three = forecast(SIZES, scores, draws), forecast(SIZES[1:], scores[1:], draws[:, 1:])
    widths = [found.gain_at(16000).high - found.gain_at(16000).low for found in (four, three)]
    assert widths[0] < widths[1]


def test_noise_of_the_runs_and_of_the_dev_split_widen_the_interval() -> None:
    def width(runs: float, dev: float) -> float:
        rng = np.random.default_rng(1)
        means = [0.9 / (1 + (2000 / n) ** 0.5) for n in SIZES]
        draws = np.array(means) + dev * rng.standard_normal((1000, len(SIZES)))
        scores = [[mean - runs, mean, mean + runs] for mean in means]  # equal spread of every size
        gain = forecast(SIZES, scores, draws).gain_at(16000)
        return gain.high - gain.low

    assert width(0, 0) < width(0.005, 0) < width(0.02, 0)
    assert width(0, 0) < width(0, 0.01)


def test_what_all_dev_sentences_share_does_not_widen_the_gain() -> None:
    """Harder dev sentences lower every score alike."""
    shift = 0.03 * np.random.default_rng(2).standard_normal((1000, 1))
    means = np.array([0.9 / (1 + (2000 / n) ** 0.5) for n in SIZES])
    found = forecast(SIZES, [[mean] * 3 for mean in means], means + shift)
    gain, score = found.gain_at(16000), found.score_at(16000)
    assert gain.high - gain.low < 0.5 * (score.high - score.low)


def test_the_interval_covers_the_next_doubling_of_simulated_experiments() -> None:
    """Sentences have additive effects; runs are nested samples of the sentences that are there, plus chance."""
    rng, blocks, covered, errors = np.random.default_rng(3), 64, [], []
    times = 2.0 ** np.arange(-3, 2)
    for _ in range(40):
        b, c = rng.uniform(0.2, 1), rng.uniform(0.6, 1)
        law = c / (1 + rng.uniform(0.2, 2) * times**-b)
        effects = 0.006 * np.sqrt(blocks) * rng.standard_normal(2 * blocks)
        orders = [rng.permutation(blocks) for _ in range(3)]
        scores = [
            [
                law[k] + effects[order[: int(blocks * times[k])]].mean() + 0.002 * rng.standard_normal()
                for order in orders
            ]
            for k in range(4)
        ]
        means = [np.mean(runs) for runs in scores]
        reached = law[4] + effects.mean() + 0.002 * rng.standard_normal(3).mean()
        gain = forecast(SIZES, scores, np.tile(means, (300, 1))).gain_at(16000)
        covered.append(gain.low <= reached - means[-1] <= gain.high)
        errors.append(gain.value - (reached - means[-1]))
    assert np.mean(covered) >= 0.9
    assert abs(np.mean(errors)) < 0.01


@settings(max_examples=40)
@given(
    means=st.lists(st.floats(0, 1), min_size=3, max_size=5),
    noise=st.floats(0, 0.3),
    seeds=st.integers(1, 3),
)
def test_any_scores_give_a_forecast_within_0_and_1(means: list[float], noise: float, seeds: int) -> None:
    rng = np.random.default_rng(0)
    scores = [list(np.clip(mean + noise * rng.standard_normal(seeds), 0, 1)) for mean in means]
    sizes = [100 * 2**k for k in range(len(means))]
    found = forecast(sizes, scores, np.tile([np.mean(runs) for runs in scores], (50, 1)))
    predicted = found.score_at(2 * sizes[-1])
    assert 0 <= predicted.low <= predicted.high <= 1 and 0 <= predicted.value <= 1
    curves = found.curves([*sizes, 2 * sizes[-1]])
    assert np.isfinite(curves).all() and (np.diff(curves, axis=1) >= -1e-12).all()


def test_equal_input_gives_equal_output() -> None:
    one, two = (exact(lambda n: 0.8 / (1 + (900 / n) ** 0.6)).gain_at(16000) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("sizes", [(1000, 2000), (1000, 2000, 2000), (2000, 1000, 4000)])
def test_sizes_that_give_no_curve_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected at least 3, ascending"):
        exact(lambda n: 0.5, sizes)
