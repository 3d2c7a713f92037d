"""How certain a score is: bootstrap intervals, and paired tests between runs, over sentences and seeds.

Percentile bootstrap: Efron and Tibshirani 1993, chapter 13. Approximate randomisation: Noreen 1989; Yeh 2000.
Both draw whole sentences, since the mentions of one sentence depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coner.evaluation.counts import Counts, Ints
from coner.evaluation.metrics import BOOTSTRAPPED, CountMetric, Floats, f1, macro_f1

SIGNIFICANT = 0.05
CELLS = 1 << 22  # of a matrix of draws, at a time


@dataclass(frozen=True)
class Interval:
    """A value and its bootstrap percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """Second minus first, with its interval and its two-sided p value."""

    p: float
    corrected_p: float | None = None  # for the number of comparisons; ``None`` where no correction was made

    @property
    def final_p(self) -> float:
        """The corrected p where there is one, else p."""
        return self.p if self.corrected_p is None else self.corrected_p

    @property
    def significant(self) -> bool:
        """Whether p (corrected) is at most 0.05 and the interval excludes 0."""
        return self.final_p <= SIGNIFICANT and not self.low <= 0 <= self.high


def intervals(
    counts: Counts,
    metrics: Mapping[str, CountMetric] = BOOTSTRAPPED,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Bootstrap percentile interval of each metric, all from the same resamples; 0 where there are no sentences."""
    grid = counts.dense()
    totals = _resampled(grid, resamples, seed)
    return {
        name: Interval(float(metric(grid.sum(axis=0))), *_percentiles(metric(totals), level))
        for name, metric in metrics.items()
    }


def score_draws(counts: Counts, metric: CountMetric, *, resamples: int = 1000, seed: int = 0) -> Floats:
    """A metric on resampled sentences, one value per draw; runs on the same sentences share the draws."""
    return metric(_resampled(counts.dense(), resamples, seed))


def class_f1_draws(counts: Counts, labels: tuple[str, ...], *, resamples: int = 1000, seed: int = 0) -> Floats:
    """F1 of each class on resampled sentences, draws x L; 0 where a draw has none of the class.

    Runs on the same sentences share the draws, so that the difference of two is that of a paired bootstrap. ``labels``
    are the classes in the order of the columns, at least those of ``counts``.
    """
    return f1(_resampled(counts.dense(labels), resamples, seed))


def difference(
    first: Sequence[Counts],
    second: Sequence[Counts],
    metric: CountMetric = macro_f1,
    *,
    resamples: int = 1000,
    swaps: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Compare two systems on the same sentences by the difference of their means over one or several runs.

    The interval resamples sentences, the same for all runs, and where there are several runs also runs: it includes
    the variance of training as far as so few runs show it. p is that of approximate randomisation, two-sided: the
    predictions for a sentence change sides with probability 1/2, those of all seeds together; p = (1 + draws at least
    as far apart) / (1 + draws). It is about these trained models and ignores the variance of training.

    Args:
        first, second: one or more runs per side, equally many on each; runs at the same index form a pair.
        metric: of the counts.
        resamples, swaps: draws of the bootstrap, and of the randomisation (see ``swaps_for``).
        level, seed: of the interval, and of all draws.

    Raises:
        ValueError: the runs were not scored against the same gold, or the sides differ in number.
    """
    runs = [*first, *second]
    if len(first) != len(second) or not first:
        raise ValueError(f"got {len(first)} and {len(second)} runs; expected as many on both sides, and at least one")
    if not all(same_gold(runs[0], other) for other in runs):
        raise ValueError("the runs were not scored on the same gold sentences; expected runs that can be paired")
    labels = tuple(sorted({label for run in runs for label in run.labels}))
    one, two = (np.stack([run.dense(labels) for run in side], axis=1) for side in (first, second))  # N x S x L x 3
    observed = float(np.mean(metric(two.sum(axis=0)) - metric(one.sum(axis=0))))
    random = np.random.default_rng([seed, 1])
    means = []
    for side in (one, two):
        chosen = random.integers(len(first), size=(len(first), resamples)).T
        means.append(np.take_along_axis(metric(_resampled(side, resamples, seed)), chosen, axis=1).mean(axis=1))
    moved = _totals(two - one, _integers(2, len(one), swaps, seed))  # draws x S x L x 3
    apart = np.abs(np.mean(metric(two.sum(axis=0) - moved) - metric(one.sum(axis=0) + moved), axis=1))
    p = (1 + int((apart >= abs(observed) - 1e-12).sum())) / (1 + swaps)
    return Difference(observed, *_percentiles(means[1] - means[0], level), p)


def swaps_for(comparisons: int) -> int:
    """Draws of the randomisation for this many comparisons, so that the least p can pass Holm's correction."""
    return max(1000, round(2 * comparisons / SIGNIFICANT))


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm 1979): at 0.05, the probability of any false positive is at most 0.05."""
    corrected, worst = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[at]))
        corrected[at] = worst
    return corrected


def same_gold(first: Counts, second: Counts) -> bool:
    """Return whether two runs have as many sentences, and as many gold mentions of each class in each of them."""
    return first.sentences == second.sentences and _support(first) == _support(second)


def _support(counts: Counts) -> set[tuple[int, str, int]]:
    rows = counts.columns.T.tolist()
    return {(sentence, counts.labels[label], tp + fn) for sentence, label, tp, _, fn in rows if tp + fn}


def _percentiles(values: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _resampled(grid: Floats, draws: int, seed: int) -> Floats:
    """Counts, N x ..., summed over resampled sentences: draws x ...; they depend on the seed alone."""
    sentences = len(grid)

    def multiplicities(chosen: Ints) -> Ints:
        places = chosen + np.arange(len(chosen))[:, None] * sentences
        return np.bincount(places.ravel(), minlength=places.size).reshape(places.shape)

    return _totals(grid, map(multiplicities, _integers(sentences, sentences, draws, seed)))


def _totals(grid: Floats, weights: Iterable[Ints]) -> Floats:
    """Counts, N x ..., summed with the weights of sentences, blocks of draws x N: draws x ..."""
    return np.concatenate([np.tensordot(block, grid, axes=1) for block in weights])


def _integers(below: int, sentences: int, draws: int, seed: int) -> Iterator[Ints]:
    """Random integers, draws x N, block by block."""
    random, block = np.random.default_rng(seed), max(1, CELLS // max(1, sentences))
    for done in range(0, draws, block):
        yield random.integers(below, size=(min(block, draws - done), sentences)) if below else np.zeros((draws, 0), int)
