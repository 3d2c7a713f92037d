"""All that a page of runs shows, as plain values for JSON: numbers by run, sentences once. Rates are fractions of 1."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from coner.core.types import Entity
from coner.evaluation.calibration import calibrate
from coner.evaluation.errors import score_lengths
from coner.evaluation.significance import class_f1_draws
from coner.report.compare import Row
from coner.report.predictions import Predictions
from coner.report.report import Report

DRAWS = 500  # of the bootstrap by class; the page holds as many numbers a class for each run
STEPS = 65535  # of F1 by draw and class, a little-endian number of two bytes
HISTORY = ("epoch", "loss", "coarse_loss", "dev_macro_f1", "weight")


def page_content(report: Report) -> dict[str, Any]:
    """Numbers of the runs, by class and by run."""
    comparison, labels = report.comparison, report.labels
    return {
        "split": comparison.split,
        "baseline": comparison.baseline,
        "labels": labels,
        "groups": dict(report.groups),
        "draws": DRAWS,
        "absent": dict(report.predictions.absent),
        "runs": [_run(row, report, labels) for row in comparison.rows],
    }


def sentence_content(predictions: Predictions, labels: Sequence[str]) -> dict[str, Any]:
    """The sentences, and for each run its predictions.

    An entity is a row of numbers, and those of a sentence are concatenated: start, end, label (as an index into
    ``labels``), and for a prediction its confidence in thousandths.
    """
    place = {label: index for index, label in enumerate(labels)}
    return {
        "words": [list(words) for words in predictions.words],
        "gold": [_flat(entities, place, scored=False) for entities in predictions.gold],
        "predicted": {
            run: [_flat(entities, place, scored=True) for entities in sentences]
            for run, sentences in predictions.predicted.items()
        },
    }


def _run(row: Row, report: Report, labels: Sequence[str]) -> dict[str, Any]:
    split, record = report.comparison.split, report.records[row.run]
    scores, place = record.scores[split], {label: index for index, label in enumerate(labels)}
    noisy = row.values["noisy_macro_f1"]
    draws = class_f1_draws(record.sentences[split], tuple(labels), resamples=DRAWS)
    values = {
        "run": row.run,
        "name": row.name,
        "kind": row.kind,
        "paired": row.run == report.comparison.baseline or row.differences is not None,
        "macro": row.macro_f1,
        "seconds": row.values["train_seconds"],
        "bytes": row.values["bytes"],
        # f1, support, predicted, tp
        "classes": {
            place[label]: [round(result.f1, 5), result.support, result.predicted, result.tp]
            for label, result in scores.fine.classes.items()
        },
        "draws": base64.b64encode(np.rint(draws * STEPS).astype("<u2").tobytes()).decode("ascii"),
        "confusion": [
            [place[gold], place[predicted], count]
            for gold, others in record.confusion[split].items()
            for predicted, count in others.items()
        ],
        "history": [{key: getattr(epoch, key) for key in HISTORY} for epoch in record.history],
        "seen": scores.seen and asdict(scores.seen),
        "unseen": scores.unseen and asdict(scores.unseen),
        "noisy": None if noisy is None else [row.macro_f1, noisy],
        "calibration": None,
        "lengths": None,
    }
    gold, predicted = report.predictions.gold, report.predictions.predicted.get(row.run)
    if predicted is not None:
        values["calibration"] = asdict(calibrate(gold, predicted))
        values["lengths"] = [asdict(result) for result in score_lengths(gold, predicted)]
    return values


def _flat(entities: Iterable[Entity], place: Mapping[str, int], *, scored: bool) -> list[int]:
    rows = ([e.start, e.end, place[e.label], *([round(1000 * e.score)] if scored else [])] for e in entities)
    return [number for row in rows for number in row]
