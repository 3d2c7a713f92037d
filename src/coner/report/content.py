"""All that a page of runs shows, as plain values for JSON: numbers by run, sentences once. Rates are fractions of 1."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from coner.core.types import Entity
from coner.evaluation.calibration import calibrate
from coner.evaluation.lengths import score_lengths
from coner.evaluation.significance import class_f1_draws
from coner.records.record import Record
from coner.report.compare import Comparison, Row
from coner.report.found import Found

DRAWS = 500  # of the bootstrap by class: as many numbers a class travel with each run
STEPS = 65535  # of a number that travels as two bytes
HISTORY = ("epoch", "loss", "coarse_loss", "dev_macro_f1", "weight")


def page_content(
    comparison: Comparison, records: Mapping[str, Record], *, groups: Mapping[str, str], found: Found
) -> dict[str, Any]:
    """Numbers of the runs, by class and by run.

    Args:
        comparison: of these runs; the part and the baseline are its own.
        records: by run.
        groups: fine to coarse label of all labels; empty where there are none.
        found: what the runs found in which sentences.
    """
    part, first = comparison.part, records[comparison.baseline]
    labels = in_order(records, part, groups)
    return {
        "part": part,
        "baseline": comparison.baseline,
        "labels": labels,
        "groups": dict(groups),
        "draws": DRAWS,
        "absent": dict(found.absent),
        "sentences": first.scores[part].get("sentences"),
        "runs": [_run(row, records[row.run], comparison, labels, found) for row in comparison.rows],
    }


def sentence_content(found: Found, labels: Sequence[str]) -> dict[str, Any]:
    """The sentences, and for each run what it found.

    An entity is a row of numbers, and those of a sentence stand one after another: start, end, label (as an index into
    ``labels``), and for a prediction its confidence in thousandths.
    """
    place = {label: index for index, label in enumerate(labels)}
    return {
        "words": [list(words) for words in found.words],
        "gold": [_flat(entities, place, scored=False) for entities in found.gold],
        "predicted": {
            run: [_flat(entities, place, scored=True) for entities in sentences]
            for run, sentences in found.predicted.items()
        },
    }


def in_order(records: Mapping[str, Record], part: str, groups: Mapping[str, str]) -> list[str]:
    """Every label of any run, group by group."""
    found = set[str]()
    for record in records.values():
        found |= record.scores[part]["fine"].get("classes", {}).keys()
        found |= set(record.sentence_counts(part).labels) if part in record.sentences else set()
    order = {label: index for index, label in enumerate(groups)}
    return sorted(found, key=lambda label: (order.get(label, len(order)), label))


def _run(row: Row, record: Record, comparison: Comparison, labels: Sequence[str], found: Found) -> dict[str, Any]:
    part = comparison.part
    scores, place = record.scores[part], {label: index for index, label in enumerate(labels)}
    confusion = record.confusion.get(part)
    values = {
        "run": row.run,
        "name": row.name,
        "kind": row.kind,
        "seed": record.seed,
        "paired": row.run == comparison.baseline or row.differences is not None,
        "macro": row.macro_f1,
        "seconds": row.train_seconds,
        "bytes": row.bytes,
        "parameters": row.parameters,
        # f1, support, predicted, tp
        "classes": {
            place[label]: [_short(result["f1"]), result["support"], result["predicted"], result["tp"]]
            for label, result in scores["fine"].get("classes", {}).items()
        },
        "draws": _draws(record, part, labels),
        "confusion": None
        if confusion is None
        else [
            [place[gold], place[predicted], count]
            for gold, others in confusion.items()
            for predicted, count in others.items()
        ],
        "history": [{key: entry.get(key) for key in HISTORY} for entry in record.history],
        "seen": scores.get("seen"),
        "unseen": scores.get("unseen"),
        "noisy": None if row.noisy_macro_f1 is None else [row.macro_f1, row.noisy_macro_f1],
        "calibration": None,
        "lengths": None,
    }
    if row.run in found.predicted:
        predicted = found.predicted[row.run]
        values["calibration"] = calibrate(found.gold, predicted).as_dict()
        values["lengths"] = [result.as_dict() for result in score_lengths(found.gold, predicted)]
    return values


def _draws(record: Record, part: str, labels: Sequence[str]) -> str | None:
    """F1 by draw and class in steps of 1/65535, little-endian, as base64."""
    if part not in record.sentences:
        return None
    draws = class_f1_draws(record.sentence_counts(part), tuple(labels), resamples=DRAWS)
    return base64.b64encode(np.rint(draws * STEPS).astype("<u2").tobytes()).decode("ascii")


def _flat(entities: Iterable[Entity], place: Mapping[str, int], *, scored: bool) -> list[int]:
    rows = ([e.start, e.end, place[e.label], *([round(1000 * e.score)] if scored else [])] for e in entities)
    return [number for row in rows for number in row]


def _short(value: float) -> float:
    return round(value, 5)
