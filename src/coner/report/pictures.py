"""The main plots of a comparison as files, for papers and slides: each as SVG and as PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from coner.core.locks import lock_folder
from coner.evaluation.calibration import calibrate
from coner.evaluation.counts import Ints
from coner.evaluation.significance import class_f1_draws
from coner.records.record import Record
from coner.report.compare import Comparison
from coner.report.curves import COLOURS, MARKERS, style_axis, write_figure
from coner.report.predictions import Predictions
from coner.report.report import Report

ENDINGS = ("svg", "png")
GREY = "#777777"
CURVES = 7  # in one plot: more cannot be distinguished
NAMED = 20  # names beside points: more would overlap


def write_pictures(report: Report, folder: Path) -> list[Path]:
    """Write the pictures of these runs, and return their paths; errors as in ``write_figure``.

    ``headline``: macro F1 with its intervals. ``classes``: F1 by class of the baseline and of the best other run.
    ``confusion``: of that run. ``calibration``: of the best runs with tagged sentences. ``time``: macro F1 by time of
    training. The folder is created if it is missing.
    """
    comparison, records, predictions, labels = report.comparison, report.records, report.predictions, report.labels
    split, ranked = comparison.split, sorted(comparison.rows, key=lambda row: -row.macro_f1)
    best = next((row.run for row in ranked if row.run != comparison.baseline), comparison.baseline)
    pair = {run: records[run] for run in dict.fromkeys((comparison.baseline, best))}
    pictures: dict[str, Callable[[], Any]] = {
        "headline": lambda: headline(comparison),
        "classes": lambda: classes(pair, split, labels),
        "confusion": lambda: confusion(records[best], split, labels, best),
    }
    if predictions.predicted:
        shown = [row.run for row in ranked if row.run in predictions.predicted]
        pictures["calibration"] = lambda: calibration(predictions, shown[:CURVES])
    if any(row.values["train_seconds"] for row in comparison.rows):
        pictures["time"] = lambda: time(comparison)
    paths = {folder / f"{name}.{ending}": draw for name, draw in pictures.items() for ending in ENDINGS}
    with lock_folder(folder):
        for path, draw in paths.items():
            write_figure(draw, path, what="pictures of runs")
    return list(paths)


def headline(comparison: Comparison) -> Any:
    """Macro F1 of each run, best first, with its interval."""
    rows = sorted(comparison.rows, key=lambda row: row.macro_f1)
    figure, axis = _figure(6.5, 1.2 + 0.3 * len(rows))
    for place, row in enumerate(rows):
        mark, colour = ("s", GREY) if row.run == comparison.baseline else ("o", COLOURS[0])
        if bounds := row.intervals.get("macro_f1"):
            axis.plot(bounds, (place, place), color=colour, linewidth=2)
        axis.plot(row.macro_f1, place, mark, color=colour)
    axis.set_yticks(range(len(rows)), [row.run for row in rows])
    axis.set_ylim(-0.7, len(rows) - 0.3)
    figure.supxlabel(f"macro F1 on {comparison.split}, 95 % interval; square: the baseline", fontsize="medium")
    return figure


def classes(runs: Mapping[str, Record], split: str, labels: list[str]) -> Any:
    """F1 by class, most frequent first, with intervals; one mark per run."""
    first = next(iter(runs.values())).scores[split].fine.classes
    order = sorted(labels, key=lambda label: first[label].support if label in first else 0)
    figure, axis = _figure(6.5, 1.2 + 0.28 * len(order))
    for shift, (run, record), colour, mark in zip((0.15, -0.15), runs.items(), (GREY, COLOURS[0]), "so", strict=False):
        draws = class_f1_draws(record.sentences[split], tuple(order))
        low, high = np.quantile(draws, (0.025, 0.975), axis=0)
        places = np.arange(len(order)) + shift
        scores = record.scores[split].fine.classes
        values = [scores[label].f1 if label in scores else 0.0 for label in order]
        axis.hlines(places, low, high, color=colour, linewidth=1.5)
        axis.plot(values, places, mark, color=colour, markersize=4, label=run)
    axis.set_yticks(range(len(order)), order)
    axis.set(ylim=(-0.7, len(order) - 0.3), xlabel=f"F1 on {split}, 95 % intervals")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def confusion(record: Record, split: str, labels: list[str], run: str) -> Any:
    """Gold by predicted class, exact spans, as shares of the gold mentions; missed and spurious at the edges."""
    grid = confusion_grid(record, split, labels)
    shares = np.sqrt(grid / np.maximum(1, grid.sum(axis=1, keepdims=True)))
    figure, axis = _figure(2.5 + 0.27 * len(labels), 2.2 + 0.25 * len(labels))
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(grid):
        if count:
            dark = shares[row, column] > 0.6
            axis.text(column, row, str(count), ha="center", va="center", fontsize=6, color="w" if dark else "k")
    axis.set_xticks(range(len(labels) + 1), [*labels, "missed"], rotation=90)
    axis.set_yticks(range(len(labels) + 1), [*labels, "spurious"])
    axis.tick_params(length=0)
    axis.grid(visible=False)
    axis.set(xlabel="predicted", ylabel="gold", title=f"{run} on {split}")
    return figure


def confusion_grid(record: Record, split: str, labels: list[str]) -> Ints:
    """Counts by gold and predicted class, L + 1 x L + 1: missed in the last column, spurious in the last row."""
    place, size = {label: index for index, label in enumerate(labels)}, len(labels)
    grid = np.zeros((size + 1, size + 1), dtype=np.int64)
    for gold, others in record.confusion[split].items():
        for predicted, count in others.items():
            grid[place[gold], place[predicted]] = count
    for label, result in record.scores[split].fine.classes.items():
        at = place[label]
        grid[at, size] = result.support - grid[at, :size].sum()
        grid[size, at] = result.predicted - grid[:size, at].sum()
    return grid


def calibration(predictions: Predictions, runs: Sequence[str]) -> Any:
    """The share of correct predictions by confidence (reliability diagram)."""
    figure, axis = _figure(5.5, 5)
    axis.plot((0, 1), (0, 1), ":", color=GREY)
    for run, colour, marker in zip(runs, cycle(COLOURS), cycle(MARKERS), strict=False):
        measured = calibrate(predictions.gold, predictions.predicted[run])
        points = np.array([(entry.confidence, entry.accuracy) for entry in measured.bins]).reshape(-1, 2)
        axis.plot(*points.T, color=colour, marker=marker, label=f"{run} (ECE {measured.error:.3f})")
    axis.set(xlabel="confidence", ylabel="share correct")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def time(comparison: Comparison) -> Any:
    """Macro F1 against time of training; runs of one name have one colour and mark."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    figure, axis = _figure(6.5, 4.5)
    named: dict[str, list[tuple[float, float]]] = {}
    for row in comparison.rows:
        if seconds := row.values["train_seconds"]:
            named.setdefault(row.name, []).append((seconds / 60, row.macro_f1))
    looks = zip(named.items(), cycle(COLOURS), cycle(MARKERS), strict=False)
    for place, ((name, points), colour, marker) in enumerate(looks):
        axis.plot(*zip(*points, strict=True), marker=marker, color=colour, linestyle="none")
        if place < NAMED:
            axis.annotate(name, points[0], xytext=(6, 3), textcoords="offset points", fontsize=8)
    axis.set(xscale="log", xlabel="minutes of training", ylabel=f"macro F1 on {comparison.split}")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(x=0.2)
    return figure


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    style_axis(axis := figure.subplots())
    return figure, axis
