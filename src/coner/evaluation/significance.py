"""How sure a score is: bootstrap intervals, and paired tests between runs, over sentences and seeds.

Percentile bootstrap: Efron and Tibshirani 1993, chapter 13. Approximate randomisation: Noreen 1989; Yeh 2000.
Both draw whole sentences, since mentions of one sentence stand or fall together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coner.evaluation.counts import Counts

Floats = npt.NDArray[np.float64]
Metric = Callable[[Floats], Floats]  # ... x L x 3 (tp, fp, fn by class) to ...
SIGNIFICANT = 0.05
CELLS = 1 << 22  # of a matrix of draws, at a time


def micro_f1(totals: Floats) -> Floats:
    """F1 over all mentions; 0 where there are none. ... x L x 3 to ...; so is ``macro_f1``."""
    return _f1(totals.sum(axis=-2))


def macro_f1(totals: Floats) -> Floats:
    """Mean F1 of the classes that occur in gold; 0 where none does."""
    in_gold = totals[..., 0] + totals[..., 2] > 0
    mean: Floats = np.where(in_gold, _f1(totals), 0).sum(axis=-1) / np.maximum(1, in_gold.sum(axis=-1))
    return mean


METRICS: Mapping[str, Metric] = {"micro_f1": micro_f1, "macro_f1": macro_f1}


@dataclass(frozen=True)
class Interval:
    """A value, and the percentiles of its resampled copies."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Second less first, with its interval, and the probability of one as large (either way) by chance.

    ``corrected_p`` is that with a correction for the number of comparisons; ``None`` where none was made.
    """

    value: float
    low: float
    high: float
    p: float
    corrected_p: float | None = None

    @property
    def real(self) -> bool:
        """Whether it is more than chance: p (corrected) of at most 0.05, and an interval that leaves 0 out."""
        p = self.p if self.corrected_p is None else self.corrected_p
        return p <= SIGNIFICANT and not self.low <= 0 <= self.high


def intervals(
    counts: Counts,
    metrics: Mapping[str, Metric] = METRICS,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Bootstrap percentile interval of each metric, all from the same resamples.

    Without sentences, value and interval are 0.
    """
    grid = counts.dense()
    draws = [draw @ _flat(grid) for draw in _bootstrap(len(grid), resamples, seed)]
    totals = np.concatenate(draws).reshape(resamples, *grid.shape[1:])
    return {
        name: Interval(float(metric(grid.sum(axis=0))), *_percentiles(metric(totals), level))
        for name, metric in metrics.items()
    }


def class_f1_draws(counts: Counts, labels: tuple[str, ...], *, resamples: int = 1000, seed: int = 0) -> Floats:
    """F1 of each class on resampled sentences, draws x L; 0 where a draw holds none of the class.

    Runs on the same sentences share the draws, so that the difference of two is that of a paired bootstrap.

    Args:
        counts: of one run.
        labels: the classes, in the order of the columns; at least those of ``counts``.
    """
    draws: Floats = _resampled(counts.dense(labels)[None], _f1, resamples, seed)[0]
    return draws


def difference(
    first: Sequence[Counts],
    second: Sequence[Counts],
    metric: Metric = macro_f1,
    *,
    resamples: int = 1000,
    swaps: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Paired comparison of two systems on the same sentences, each with one run, or several by other seeds.

    The value is the difference of the means over the runs. The interval is the bootstrap's: the sentences are drawn for
    all runs together, and where there are several runs, as many of each side are drawn too, so that it holds the chance
    of training as far as so few runs show it. p is that of approximate randomisation, two-sided: each sentence's
    predictions change sides with probability 1/2, those of all seeds at once; p = (1 + draws at least as far apart) /
    (1 + draws). It speaks of these trained models, not of the chance of training.

    Args:
        first, second: one or more runs a side, as many on each; those of the same place belong together.
        metric: of the counts.
        resamples: draws of the bootstrap.
        swaps: draws of the randomisation; see ``swaps_for`` where many differences are told.
        level, seed: of the interval, and of all draws.

    Raises:
        ValueError: the runs were not scored against the same gold, or the sides differ in number.
    """
    runs = [*first, *second]
    if len(first) != len(second) or not first:
        raise ValueError(f"{len(first)} and {len(second)} runs; expected as many on both sides, and at least one")
    if not all(same_gold(runs[0], other) for other in runs):
        raise ValueError("the runs were not scored on the same gold sentences, so that nothing can be paired")
    labels = tuple(sorted({label for run in runs for label in run.labels}))
    one, two = (np.stack([run.dense(labels) for run in side]) for side in (first, second))
    observed = float(np.mean(metric(two.sum(axis=1)) - metric(one.sum(axis=1))))
    left, right = (_resampled(side, metric, resamples, seed) for side in (one, two))
    chance = np.random.default_rng([seed, 1])
    chosen = [chance.integers(len(first), size=(len(first), resamples)) for _ in range(2)]
    spread = [np.take_along_axis(side, at, axis=0).mean(axis=0) for side, at in zip((left, right), chosen, strict=True)]
    low, high = _percentiles(spread[1] - spread[0], level)
    apart = np.abs(np.mean([_swapped(*pair, metric, swaps, seed) for pair in zip(one, two, strict=True)], axis=0))
    p = (1 + int((apart >= abs(observed) - 1e-12).sum())) / (1 + swaps)
    return Difference(observed, low, high, p)


def swaps_for(comparisons: int) -> int:
    """How many draws of the randomisation: so many that the least p, 1 / (1 + draws), passes the correction by Holm."""
    return max(1000, round(2 * comparisons / SIGNIFICANT))


def holm(ps: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm 1979): at 0.05, the chance of any false find is 0.05 at most."""
    corrected, worst = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[at]))
        corrected[at] = worst
    return corrected


def same_gold(first: Counts, second: Counts) -> bool:
    """Whether two runs have the same number of sentences, with as many gold mentions of each class in each."""
    return first.sentences == second.sentences and _support(first) == _support(second)


def _support(counts: Counts) -> set[tuple[int, str, int]]:
    rows = zip(counts.sentence.tolist(), counts.label.tolist(), (counts.tp + counts.fn).tolist(), strict=True)
    return {(sentence, counts.labels[label], support) for sentence, label, support in rows if support}


def _resampled(grids: Floats, metric: Metric, resamples: int, seed: int) -> Floats:
    """The metric of each run, S x N x L x 3, on resampled sentences, the same for all runs: S x draws."""
    runs, sentences, *shape = grids.shape
    draws = [np.stack([draw @ _flat(grid) for grid in grids]) for draw in _bootstrap(sentences, resamples, seed)]
    return metric(np.concatenate(draws, axis=1).reshape(runs, resamples, *shape))


def _swapped(one: Floats, two: Floats, metric: Metric, draws: int, seed: int) -> Floats:
    """Second less first, N x L x 3 each, when sentences change sides: one value a draw, the same draws for a seed."""
    change = _flat(two - one)
    moved = np.concatenate([draw @ change for draw in _swaps(len(one), draws, seed)])
    moved = moved.reshape(draws, *one.shape[1:])
    return metric(two.sum(axis=0) - moved) - metric(one.sum(axis=0) + moved)


def _f1(counts: Floats) -> Floats:
    tp, fp, fn = np.moveaxis(counts, -1, 0)
    f1: Floats = 2 * tp / np.maximum(1, 2 * tp + fp + fn)  # counts are whole numbers: 1 stands for 0 only
    return f1


def _flat(grid: Floats) -> Floats:
    return grid.reshape(len(grid), grid.shape[1] * grid.shape[2])


def _percentiles(values: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _blocks(sentences: int, draws: int) -> Iterator[int]:
    block = max(1, CELLS // max(1, sentences))
    for done in range(0, draws, block):
        yield min(block, draws - done)


def _bootstrap(sentences: int, draws: int, seed: int) -> Iterator[Floats]:
    """How often each sentence is drawn, block by block: draws x N."""
    random = np.random.default_rng(seed)
    for block in _blocks(sentences, draws):
        chosen = random.integers(sentences, size=(block, sentences)) if sentences else np.empty((block, 0), np.int64)
        chosen += np.arange(block)[:, None] * sentences
        yield np.bincount(chosen.ravel(), minlength=block * sentences).reshape(block, sentences).astype(np.float64)


def _swaps(sentences: int, draws: int, seed: int) -> Iterator[Floats]:
    """Which sentences change sides, block by block: draws x N."""
    random = np.random.default_rng(seed)
    for block in _blocks(sentences, draws):
        yield random.integers(2, size=(block, sentences)).astype(np.float64)
