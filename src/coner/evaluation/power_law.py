"""Extrapolation of a learning curve: power laws through scores at a few sizes, with an interval.

For many training sentences n, the distance of the score from an asymptote c <= 1 falls as ``x = (h / n) ** b``: the
inverse power law that Hestness et al. 2017 (Deep Learning Scaling is Predictable, Empirically) found. How F1 starts
differs: steeply, or faster and faster while most mentions are missed. So three forms with this tail are fitted, all
between 0 and c: ``c * (1 - x)``, ``c * exp(-x)`` and ``c / (1 + x)``. The first is "POW3", the last "MMF" from 0, in
Viering and Loog 2023 (The Shape of Learning Curves: a Review).

A few noisy points determine neither form nor parameters. So each form with each b and c of a grid is used as often as
it fits: its weight is its likelihood. h is then fitted by least squares in each draw, on other dev sentences
(bootstrap) and with other noise of the runs. The noise is the spread over seeds, with a variance in proportion to 1/n,
or more if the points lie farther from the best curve than that (Birge 1932).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coner.evaluation.counts import Ints
from coner.evaluation.metrics import Floats
from coner.evaluation.significance import Interval

MIN_SIZES = 3
STEEP, EVEN, SLOW = range(3)  # the forms, in the order above
EXPONENTS = np.linspace(0, 1.5, 31)  # b; 0 is a flat curve
HEADROOM = np.linspace(0.05, 1, 20)  # c, as a fraction of the way from the best score to 1
MIN_NOISE = 1e-4  # standard deviation of a score
MIN_FREEDOM = 3  # degrees of freedom of the noise
STEPS, LIMIT = 20, 15.0  # of the least squares; bound of log(x) at the largest size


@dataclass(frozen=True, eq=False)
class Forecast:
    """Power laws through measured scores, one per draw; all scores are fractions of 1.

    Attributes:
        largest: the largest measured size n.
        last: mean score at it, on the dev sentences of each draw, D.
        form, b, c: see above, D each.
        rest: x at ``largest``, D.
        noise: standard deviation at ``largest`` of the score of one sample of sentences, D.
        seed: of the noise in predictions.
    """

    largest: float
    last: Floats
    form: Ints
    b: Floats
    c: Floats
    rest: Floats
    noise: Floats
    seed: int = 0

    def curves(self, sizes: Sequence[float] | Floats) -> Floats:
        """The power law of each draw at these sizes, D x sizes."""
        powers = _powers(np.asarray(sizes, dtype=float) / self.largest, self.b)
        return self.c[:, None] * _share(self.form, self.rest[:, None] * powers)[0]

    def score_at(self, size: float, level: float = 0.95) -> Interval:
        """The score that a sample of this size would have; the value is the median curve's."""
        return _interval(*self._predict(size), level)

    def gain_at(self, size: float, level: float = 0.95) -> Interval:
        """This score minus the measured one at the largest size, on the same dev sentences."""
        curve, predicted = self._predict(size)
        return _interval(curve - self.last, predicted - self.last, level)

    def _predict(self, size: float) -> tuple[Floats, Floats]:
        curve = self.curves([size])[:, 0]
        error = np.random.default_rng([self.seed, 1]).standard_normal(len(curve))
        return curve, np.clip(curve + error * self.noise * np.sqrt(self.largest / size), 0, 1)


def forecast(sizes: Sequence[float], scores: Sequence[Sequence[float]], draws: Floats, *, seed: int = 0) -> Forecast:
    """Fit power laws to the scores of several runs per size.

    Args:
        sizes: numbers of training sentences, ascending, K of at least ``MIN_SIZES``.
        scores: of the runs of each size. Those of the last size share their sentences, as no more are there; the
            others are samples of them.
        draws: mean score of the runs of each size on resampled dev sentences, D x K.
        seed: of the draws of noise and parameters.

    Raises:
        ValueError: there are fewer sizes, they do not ascend, or a size has no score.
    """
    n = np.asarray(sizes, dtype=float)
    if len(n) < MIN_SIZES or (np.diff(n) <= 0).any() or len(scores) != len(n) or not all(map(len, scores)):
        raise ValueError(f"got sizes {[*sizes]}; expected at least {MIN_SIZES}, ascending, with scores for each")
    times, observed = n / n[-1], np.array([np.mean(runs) for runs in scores])
    # Variances of the means as multiples of q, that of one sample of the largest size.
    relative = 1 / (times * [len(runs) for runs in scores])
    relative[-1] = 1
    asymptotes = observed.max() + (1 - observed.max()) * HEADROOM
    form, b, c = (grid.ravel() for grid in np.meshgrid([STEEP, EVEN, SLOW], EXPONENTS, asymptotes))
    powers = _powers(times, b)
    rest = _fit(observed[None] / c[:, None], form, powers, relative)
    fitted = c[:, None] * _share(form, rest[:, None] * powers)[0]
    misfit = ((observed - fitted) ** 2 / relative).sum(axis=1)
    spread, freedom = _spread(times, scores)
    q = max(spread, misfit.min() / max(1, len(n) - MIN_SIZES), MIN_NOISE**2)
    weights = np.exp((misfit.min() - misfit) / (2 * q))
    random, count = np.random.default_rng(seed), len(draws)
    chosen = random.choice(len(b), size=count, p=weights / weights.sum())
    freedom = max(freedom, MIN_FREEDOM)
    noise = np.sqrt(q * freedom / random.chisquare(freedom, count))  # so that predictions have Student's t
    shaken = draws + noise[:, None] * np.sqrt(relative) * random.standard_normal(draws.shape)
    form, b, c = form[chosen], b[chosen], c[chosen]
    rest = _fit(shaken / c[:, None], form, powers[chosen], relative)
    return Forecast(n[-1], draws[:, -1], form, b, c, rest, noise, seed)


def _spread(times: Floats, scores: Sequence[Sequence[float]]) -> tuple[float, int]:
    """The variance of a sample of the largest size, from those of smaller ones, and its degrees of freedom.

    Samples of a finite population vary less the more of it they have: by the fraction that they leave out (Cochran
    1977, chapter 2). Near 1 this would inflate the training variance, which does not depend on that fraction.
    """
    several = [(t, np.var(runs, ddof=1), len(runs) - 1) for t, runs in zip(times, scores, strict=True) if len(runs) > 1]
    scaled = [variance * t / max(1 - t, 0.5) for t, variance, _ in several if t < 1]
    return (float(np.mean(scaled)), sum(runs for t, _, runs in several if t < 1)) if scaled else (0.0, 0)


def _powers(times: Floats, b: Floats) -> Floats:
    """``(largest / n) ** b``, D x K, from n as a multiple of the largest size, K, and exponents, D."""
    powers: Floats = times ** -b[:, None]
    return powers


def _share(form: Ints, x: Floats) -> tuple[Floats, Floats]:
    """The score as a fraction of the asymptote, and its derivative by log(x); D and D x K to D x K each."""
    which = [np.broadcast_to((form == each)[:, None], x.shape) for each in (STEEP, EVEN, SLOW)]
    decay, odds = np.exp(-x), 1 / (1 + x)
    share = np.select(which, [np.maximum(0, 1 - x), decay, odds])
    return share, np.select(which, [np.where(x < 1, -x, 0), -x * decay, -x * odds**2])


def _fit(y: Floats, form: Ints, powers: Floats, relative: Floats) -> Floats:
    """x at the largest size with the least squares, weighted by ``1 / relative``; D x K to D.

    ``y`` are scores as fractions of the asymptote. Gauss-Newton in log(x), from the curve through the last point.
    """
    last = np.clip(y[:, -1], 0.01, 0.99)
    log_x = np.log(np.select([form == STEEP, form == EVEN, form == SLOW], [1 - last, -np.log(last), 1 / last - 1]))
    for _ in range(STEPS):
        share, slope = _share(form, np.exp(log_x)[:, None] * powers)
        step = ((y - share) * slope / relative).sum(axis=1) / np.maximum((slope**2 / relative).sum(axis=1), 1e-12)
        log_x = np.clip(log_x + np.clip(step, -1, 1), -LIMIT, LIMIT)
    x: Floats = np.exp(log_x)
    return x


def _interval(values: Floats, predicted: Floats, level: float) -> Interval:
    low, high = np.quantile(predicted, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(np.median(values)), float(low), float(high))
