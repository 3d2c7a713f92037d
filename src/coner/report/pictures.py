"""The main plots of a comparison as files, for papers and slides: each as SVG and as PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from coner.core.files import make_folder
from coner.evaluation.calibration import calibrate
from coner.evaluation.counts import Ints
from coner.evaluation.significance import class_f1_draws
from coner.records.record import Record
from coner.report.compare import Comparison
from coner.report.content import in_order
from coner.report.curves import COLOURS, MARKERS, write_figure
from coner.report.found import Found

ENDINGS = ("svg", "png")
GREY = "#777777"
CURVES = 7  # of one plot: more cannot be told apart
NAMED = 20  # names beside points: more would lie over each other


def write_pictures(
    comparison: Comparison, records: Mapping[str, Record], folder: Path, *, groups: Mapping[str, str], found: Found
) -> list[Path]:
    """Write the pictures that these runs give, and return their paths.

    ``headline``: macro F1 with its intervals. ``classes``: F1 by class of the baseline and of the best other run.
    ``confusion``: of that run. ``calibration``: of the best runs with tagged sentences.
    ``time``: macro F1 against training.

    Args:
        comparison, records: of these runs.
        folder: made if it is missing.
        groups: fine to coarse label, for the order of the classes; may be empty.
        found: what the runs found in which sentences.

    Raises:
        MissingExtra: matplotlib is not installed.
        OutputError: a file cannot be written.
    """
    part = comparison.part
    others = [row for row in comparison.rows if row.run != comparison.baseline] or list(comparison.rows)
    best = max(others, key=lambda row: row.macro_f1).run
    labels = in_order(records, part, groups)
    pair = {run: records[run] for run in dict.fromkeys((comparison.baseline, best))}
    made: dict[str, Callable[[], Any]] = {"headline": lambda: headline(comparison)}
    if all(part in record.sentences for record in pair.values()):
        made["classes"] = lambda: classes(pair, part, labels)
    if part in records[best].confusion:
        made["confusion"] = lambda: confusion(records[best], part, labels, best)
    if found.predicted:
        shown = [
            row.run for row in sorted(comparison.rows, key=lambda row: -row.macro_f1) if row.run in found.predicted
        ]
        made["calibration"] = lambda: calibration(found, shown[:CURVES])
    if any(row.train_seconds for row in comparison.rows):
        made["time"] = lambda: time(comparison)
    make_folder(folder)
    paths = {folder / f"{name}.{ending}": draw for name, draw in made.items() for ending in ENDINGS}
    for path, draw in paths.items():
        write_figure(draw, path, what="pictures of runs")
    return list(paths)


def headline(comparison: Comparison) -> Any:
    """Macro F1 of each run, best first, with its interval."""
    rows = sorted(comparison.rows, key=lambda row: row.macro_f1)
    figure, axis = _figure(6.5, 1.2 + 0.3 * len(rows))
    for place, row in enumerate(rows):
        own = row.run == comparison.baseline
        if row.macro_interval:
            axis.plot(row.macro_interval, (place, place), color=GREY if own else COLOURS[0], linewidth=2)
        axis.plot(row.macro_f1, place, "s" if own else "o", color=GREY if own else COLOURS[0])
    axis.set_yticks(range(len(rows)), [row.run for row in rows])
    axis.set_ylim(-0.7, len(rows) - 0.3)
    figure.supxlabel(f"macro F1 on {comparison.part}, 95 % interval; square: the baseline", fontsize="medium")
    return figure


def classes(runs: Mapping[str, Record], part: str, labels: list[str]) -> Any:
    """F1 by class, most frequent first, with intervals; a mark a run."""
    first = next(iter(runs.values())).scores[part]["fine"]["classes"]
    order = sorted(labels, key=lambda label: first.get(label, {}).get("support", 0))
    figure, axis = _figure(6.5, 1.2 + 0.28 * len(order))
    for shift, (run, record), colour, mark in zip((0.15, -0.15), runs.items(), (GREY, COLOURS[0]), "so", strict=False):
        draws = class_f1_draws(record.sentence_counts(part), tuple(order))
        low, high = np.quantile(draws, (0.025, 0.975), axis=0)
        places = np.arange(len(order)) + shift
        values = [record.scores[part]["fine"]["classes"].get(label, {}).get("f1", 0.0) for label in order]
        axis.hlines(places, low, high, color=colour, linewidth=1.5)
        axis.plot(values, places, mark, color=colour, markersize=4, label=run)
    axis.set_yticks(range(len(order)), order)
    axis.set_ylim(-0.7, len(order) - 0.3)
    axis.set_xlabel(f"F1 on {part}, 95 % intervals")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def confusion(record: Record, part: str, labels: list[str], run: str) -> Any:
    """Gold by predicted class, exact spans, as shares of the gold mentions; missed and spurious at the edges."""
    grid = confusion_grid(record, part, labels)
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
    axis.set_xlabel("predicted")
    axis.set_ylabel("gold")
    axis.set_title(f"{run} on {part}")
    return figure


def confusion_grid(record: Record, part: str, labels: list[str]) -> Ints:
    """Counts by gold and predicted class, L + 1 x L + 1: missed in the last column, spurious in the last row."""
    place, size = {label: index for index, label in enumerate(labels)}, len(labels)
    grid = np.zeros((size + 1, size + 1), dtype=np.int64)
    for gold, others in record.confusion[part].items():
        for predicted, count in others.items():
            grid[place[gold], place[predicted]] = count
    for label, result in record.scores[part]["fine"]["classes"].items():
        at = place[label]
        grid[at, size] = result["support"] - grid[at, :size].sum()
        grid[size, at] = result["predicted"] - grid[:size, at].sum()
    return grid


def calibration(found: Found, runs: Sequence[str]) -> Any:
    """Share of the right predictions by confidence, of some runs."""
    figure, axis = _figure(5.5, 5)
    axis.plot((0, 1), (0, 1), ":", color=GREY)
    for run, colour, marker in zip(runs, cycle(COLOURS), cycle(MARKERS), strict=False):
        judged = calibrate(found.gold, found.predicted[run])
        points = [(entry.confidence, entry.accuracy) for entry in judged.bins]
        axis.plot(
            *np.array(points).reshape(-1, 2).T, color=colour, marker=marker, label=f"{run} (ECE {judged.error:.3f})"
        )
    axis.set_xlabel("confidence")
    axis.set_ylabel("share right")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def time(comparison: Comparison) -> Any:
    """Macro F1 against time of training; runs of one name have one colour and mark."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    figure, axis = _figure(6.5, 4.5)
    rows = [row for row in comparison.rows if row.train_seconds]
    names = list(dict.fromkeys(row.name for row in rows))
    for place, (name, colour, marker) in enumerate(zip(names, cycle(COLOURS), cycle(MARKERS), strict=False)):
        points = [((row.train_seconds or 0) / 60, row.macro_f1) for row in rows if row.name == name]
        axis.plot(*zip(*points, strict=True), marker=marker, color=colour, linestyle="none")
        if place < NAMED:
            axis.annotate(name, points[0], xytext=(6, 3), textcoords="offset points", fontsize=8)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(x=0.2)
    axis.set_xlabel("minutes of training")
    axis.set_ylabel(f"macro F1 on {comparison.part}")
    return figure


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axis = figure.subplots()
    axis.grid(visible=True, color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_axisbelow(True)
    return figure, axis
