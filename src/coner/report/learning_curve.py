"""A learning curve: scores by number of training sentences, extrapolated to twice as many, with a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from coner.core.counted import counted
from coner.evaluation.metrics import BOOTSTRAPPED, METRICS
from coner.evaluation.power_law import MIN_SIZES, Forecast, forecast
from coner.evaluation.significance import Interval, score_draws
from coner.records.record import Record
from coner.report.ablation import Spread
from coner.report.curves import COLOURS, check_figure, style_axis, write_figure
from coner.report.grid import DASH, Grid

SPLIT = "dev"
TIMES = 2  # the extrapolation: this many times the largest size
LEVEL = 0.95
PICTURE = "a picture of a learning curve"
AVERAGES = {"micro": "micro_f1", "macro": "macro_f1"}
READ = {metric.name: metric.read for metric in METRICS}
COVERS = (
    "The 95 % interval covers chance in the dev sentences, in which sentences are annotated and in training, and every "
    "power law that fits; not other kinds of text, annotators or taggers, nor a curve that is not a power law."
)
ONE_SEED = "With one seed the interval is too narrow: chance in training is not measured. Fix: --seeds 3"


@dataclass(frozen=True)
class CurvePoint:
    """The finished runs on samples of one size."""

    fraction: Fraction  # of the training split
    records: Sequence[Record]  # one per seed

    @property
    def sentences(self) -> int:
        """Number of training sentences."""
        return self.records[0].data["train"].sentences

    @property
    def mentions(self) -> float:
        """Mean number of mentions in them."""
        return float(np.mean([record.data["train"].mentions for record in self.records]))

    def scores(self, metric: str) -> list[float]:
        """On dev, one per run."""
        return [READ[metric](record.scores[SPLIT]) or 0.0 for record in self.records]

    def draws(self, metric: str) -> list[Any]:
        """Of each run, on resampled dev sentences."""
        return [score_draws(record.sentences[SPLIT], BOOTSTRAPPED[metric]) for record in self.records]


@dataclass(frozen=True)
class LearningCurve:
    """Sizes, ascending, and the forecast of each metric: none if there are too few sizes, or all scores are 0."""

    sizes: Sequence[CurvePoint]
    forecasts: Mapping[str, Forecast]
    split = SPLIT

    @property
    def unpredictable(self) -> str:
        """Why there is no forecast; empty if there is one."""
        if self.forecasts:
            return ""
        if len(self.sizes) < MIN_SIZES:
            got = f"got finished runs of {counted(len(self.sizes), 'size')}"
            return f"no forecast: {got}; expected at least {MIN_SIZES}"
        return f"no forecast: every run has F1 0 on {SPLIT}. Fix: larger --fractions, or more data"

    @property
    def twice(self) -> int:
        """The size that scores are predicted for."""
        return TIMES * self.sizes[-1].sentences

    @property
    def one_seed(self) -> bool:
        """Whether no size has several runs, from which to measure the chance in training."""
        return all(len(size.records) == 1 for size in self.sizes)

    def gain(self, by: str) -> str:
        """What twice the sentences would bring."""
        gain = self.forecasts[AVERAGES[by]].gain_at(self.twice, LEVEL)
        value, low, high = (f"{100 * number:+.1f}" for number in (gain.value, gain.low, gain.high))
        return f"about {value} [{low}, {high}] points of {by} F1"

    def sentence(self, by: str) -> str:
        """The same as a sentence."""
        return f"Twice the sentences ({self.twice:,}) would bring {self.gain(by)} on {SPLIT}."

    def grid(self) -> Grid:
        """The table; the last row is predicted."""
        rows = []
        for size in self.sizes:
            scores = [str(Spread.of(size.scores(metric))) for metric in AVERAGES.values()]
            cells = f"{size.sentences:,}", str(size.fraction), f"{size.mentions:,.0f}", str(len(size.records))
            rows.append([*cells, *scores])
        if self.forecasts:
            predicted = [_text(self.forecasts[metric].score_at(self.twice, LEVEL)) for metric in AVERAGES.values()]
            rows.append([f"{self.twice:,}", f"{TIMES}, predicted", DASH, DASH, *predicted])
        return Grid(["sentences", "of train", "mentions", "runs", *(f"{by} F1" for by in AVERAGES)], rows)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; scores and gains are fractions of 1."""
        sizes = []
        for size in self.sizes:
            runs = [
                {"seed": record.seed, **{metric: READ[metric](record.scores[SPLIT]) for metric in AVERAGES.values()}}
                for record in size.records
            ]
            sizes.append(
                {
                    "fraction": float(size.fraction),
                    "sentences": size.sentences,
                    "mentions": size.mentions,
                    **{m: asdict(spread) for m in AVERAGES.values() if (spread := Spread.of(size.scores(m)))},
                    "runs": runs,
                }
            )
        predicted: dict[str, Any] = {"sentences": self.twice, "level": LEVEL} if self.forecasts else {}
        for metric, found in self.forecasts.items():
            score, gain = found.score_at(self.twice, LEVEL), found.gain_at(self.twice, LEVEL)
            predicted[metric] = {"score": asdict(score), "gain": asdict(gain)}
        return {"split": SPLIT, "sizes": sizes, "predicted": predicted}


def make_curve(records: Mapping[Fraction, Sequence[Record]]) -> LearningCurve:
    """The curve through the runs of each fraction of the training split, ascending."""
    sizes = [CurvePoint(fraction, runs) for fraction, runs in records.items()]
    forecasts = {}
    for metric in AVERAGES.values() if len(sizes) >= MIN_SIZES else ():
        scores = [size.scores(metric) for size in sizes]
        if any(scores[-1]):
            draws = np.stack([np.mean(size.draws(metric), axis=0) for size in sizes], axis=1)
            forecasts[metric] = forecast([size.sentences for size in sizes], scores, draws)
    return LearningCurve(sizes, forecasts)


def check_picture(path: Path) -> None:
    """Raise before a long training what ``write_picture`` would raise after it."""
    check_figure(path, what=PICTURE)


def write_picture(curve: LearningCurve, by: Literal["micro", "macro"], path: Path) -> None:
    """Draw scores, curve and interval; errors as in ``write_figure``."""
    write_figure(lambda: draw(curve, by), path, what=PICTURE)


def draw(curve: LearningCurve, by: str) -> Any:
    """Draw a matplotlib ``Figure``: a point per run; the median power law and its interval up to twice the data."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, StrMethodFormatter

    metric, law = AVERAGES[by], curve.forecasts[AVERAGES[by]]
    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    style_axis(axis := figure.subplots())
    measured = [size.sentences for size in curve.sizes]
    places = np.geomspace(measured[0], curve.twice, 60)
    curves = law.curves(places)
    low, middle, high = np.quantile(curves, ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2), axis=0)
    axis.fill_between(places, low, high, color=COLOURS[0], alpha=0.2, linewidth=0, gid="interval")
    known = places <= measured[-1]
    axis.plot(places[known], middle[known], color=COLOURS[0], gid="curve")
    axis.plot(places[~known], middle[~known], "--", color=COLOURS[0], gid="extrapolation")
    for size in curve.sizes:
        scores = size.scores(metric)
        axis.plot([size.sentences] * len(scores), scores, "o", color=COLOURS[6], markersize=4, alpha=0.7, gid="runs")
    found = law.score_at(curve.twice, LEVEL)
    error = [[max(0, found.value - found.low)], [max(0, found.high - found.value)]]
    axis.errorbar([curve.twice], [found.value], yerr=error, fmt="s", color=COLOURS[1], capsize=4)
    axis.set(
        xscale="log",
        xlabel="training sentences",
        ylabel=f"{by} F1 on {SPLIT}",
        title=f"twice as many: {curve.gain(by)}",
    )
    axis.title.set_fontsize("medium")
    axis.xaxis.set_major_locator(FixedLocator([*measured, curve.twice]))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())
    return figure


def _text(interval: Interval) -> str:
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
