"""Predictions of ``coner learning-curve`` beside what was measured: how often is the gain in the interval?

    python benchmarks/learning_curve.py --work curves \\
        --data music crossner/music/train.txt crossner/music/dev.txt \\
        --data mc2 en/train.conll:1200 en/dev.conll [--seeds 3]

``FILE:1200`` trains on about that many sentences at most; with ``-`` as dev file, it is a fiftieth of FILE. A CRF
with fixed settings (``crf.algorithm = "sgd"``) is trained on 1/16, 1/8, 1/4, 1/2 and all of each file, and evaluated on
its dev file. The curve through the sizes up to a half predicts the gain of the last doubling, as the command would
predict that of the next one; so does the curve through the sizes up to a quarter for the doubling before. Nothing of
the method was chosen on these files. The same command again resumes with the runs that are missing.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from harness import RESULTS, arguments, command
from rich.console import Console
from rich.table import Table

from coner.core.errors import DataError
from coner.data.splits import SplitCache
from coner.evaluation.power_law import MIN_SIZES
from coner.records.machine import machine
from coner.records.record import Record
from coner.report.learning_curve import AVERAGES, LEVEL, CurvePoint, make_curve
from coner.runs.learning_curve import finished, parse_fractions, run_all, runs_of

FRACTIONS = "1/16,1/8,1/4,1/2,1"


def measure(name: str, files: Sequence[str], options: argparse.Namespace) -> dict[Fraction, list[Record]]:
    """The records of the runs on a data set, by fraction; those that are missing are trained first."""
    train, _, take = files[0].partition(":")
    data = {"train": train, "take": int(take or 0), "dev_share": 0.02, "dev": None if files[1] == "-" else files[1]}
    values = {"kind": "crf", "name": name, "data": data, "crf": {"algorithm": "sgd"}}
    cache = SplitCache()
    runs = runs_of(values, parse_fractions(FRACTIONS), seeds=options.seeds, source=name, cache=cache)
    outcome = run_all(runs, options.work / name, cache)
    if missing := [*outcome.failed.values(), *outcome.elsewhere]:
        raise DataError(f"{len(missing)} runs are not finished: {missing[0]}", options.work / name)
    return finished(runs, options.work / name)


def checks(name: str, records: dict[Fraction, list[Record]]) -> Iterator[dict[str, Any]]:
    """A row for each doubling and average: predicted and measured gain, fractions of 1."""
    sizes = [CurvePoint(fraction, runs) for fraction, runs in records.items()]
    for last in range(MIN_SIZES, len(sizes)):
        curve = make_curve(dict(list(records.items())[:last]))
        for by, metric in AVERAGES.items():
            if metric not in curve.forecasts:
                continue
            known, reached = (statistics.mean(size.scores(metric)) for size in sizes[last - 1 : last + 1])
            gain = curve.forecasts[metric].gain_at(sizes[last].sentences, LEVEL)
            yield {
                "data": name,
                "average": by,
                "from": sizes[last - 1].sentences,
                "to": sizes[last].sentences,
                "known": known,
                "predicted": [gain.value, gain.low, gain.high],
                "measured": reached - known,
                "covered": gain.low <= reached - known <= gain.high,
            }


def main() -> None:
    """Train what is missing, and print the table."""
    parser = arguments(__doc__, out=RESULTS)
    parser.add_argument("--data", nargs=3, action="append", metavar=("NAME", "TRAIN", "DEV"), required=True)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each size; default 3")
    parser.add_argument("--work", type=Path, required=True, help="folder of the runs")
    options = parser.parse_args()
    table = Table("data", "average", "sentences", "F1", "predicted gain, points", "measured", "covered")
    rows, scores = [], {}
    for name, *files in options.data:
        records = measure(name, files, options)
        sizes = [CurvePoint(fraction, runs) for fraction, runs in records.items()]
        scores[name] = [
            {"sentences": size.sentences, **{metric: size.scores(metric) for metric in AVERAGES.values()}}
            for size in sizes
        ]
        for row in checks(name, records):
            rows.append(row)
            predicted = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * value for value in row["predicted"]))
            cells = f"{row['from']:,} to {row['to']:,}", f"{row['known']:.3f}", predicted
            table.add_row(
                name, row["average"], *cells, f"{100 * row['measured']:+.1f}", "yes" if row["covered"] else "no"
            )
    console = Console(width=140, highlight=False)
    console.print(table)
    console.print(f"{sum(row['covered'] for row in rows)} of {len(rows)} gains are in their interval")
    values = {"machine": machine(), "seeds": options.seeds, "scores": scores, "rows": rows}
    (options.out / "learning_curve.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    command(main)
