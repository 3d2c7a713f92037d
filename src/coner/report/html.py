"""Runs as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from coner.core.errors import requires_extra
from coner.core.files import atomic_write
from coner.core.html import colour_css
from coner.core.types import Entity
from coner.evaluation.calibration import calibrate
from coner.evaluation.errors import score_lengths
from coner.evaluation.metrics import BOOTSTRAPPED, shown_in
from coner.evaluation.significance import class_f1_draws
from coner.report.ablation import by_name
from coner.report.columns import TITLES, show_difference
from coner.report.compare import Row
from coner.report.grid import DASH
from coner.report.pools import pools
from coner.report.predictions import Predictions
from coner.report.report import Report
from coner.report.summary import summarise

DRAWS = 500  # bootstrap resamples; the page holds one F1 per resample, class and run
STEPS = 65535  # F1 of 1; stored as a little-endian integer of two bytes
HISTORY = ("epoch", "loss", "coarse_loss", "dev_macro_f1", "weight")
SCRIPTS = ("dom", "table", "chart", "classes", "matrix", "charts", "sentence", "browser", "main")


def write_page(report: Report, path: Path) -> None:
    """Write the page, atomically; ``OutputError`` if that fails, else as ``render``."""
    page = render(report)
    with atomic_write(path) as handle:
        handle.write(page)


def render(report: Report) -> str:
    """Return the page as text; equal runs give equal text. ``MissingExtra`` where jinja2 is not installed."""
    with requires_extra("a page of runs", "report"):
        import jinja2
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    # The filter tojson escapes <, > and &, so that no text can end its script element.
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    comparison, ablation = report.comparison, report.ablation
    content = _page_content(report)
    script = "\n".join(_file(f"{name}.js") for name in SCRIPTS)
    return environment.from_string(_file("page.html")).render(
        comparison=comparison,
        summary=summarise(comparison, report.records),
        rows=comparison.rows,
        show_difference=show_difference,
        tested={name: TITLES[name] for name in BOOTSTRAPPED},
        noisy=any(row.values["noisy_macro_f1"] is not None for row in comparison.rows),
        paired=sum(row.differences is not None for row in comparison.rows),
        asked=comparison.asked,
        seeds=[row for row in ablation.rows if row.seeds] if ablation else by_name(comparison, report.records),
        seed_metrics={metric.name: title for title, metric in shown_in("ablation").items()},
        failures=ablation.failures() if ablation else [],
        data=report.records[comparison.baseline].data[comparison.split],
        scores=report.records[comparison.baseline].scores[comparison.split],
        content=content,
        predictions=report.predictions,
        sentences=_sentence_content(report.predictions, content["labels"]),
        style=colour_css() + _file("page.css"),
        script=script,
        # Only this script may run, whatever a text contains: the browser compares the hash.
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        dash=DASH,
    )


def _file(name: str) -> str:
    return resources.files("coner.report").joinpath("page", name).read_text(encoding="utf-8")


def _page_content(report: Report) -> dict[str, Any]:
    """Numbers of the runs, by class and by run; rates are fractions of 1."""
    comparison, labels = report.comparison, report.labels
    names = {run: name for name, runs in pools(report.records).items() for run in runs}
    return {
        "split": comparison.split,
        "baseline": comparison.baseline,
        "labels": labels,
        "groups": dict(report.groups),
        "colours": report.colours,
        "draws": DRAWS,
        "absent": dict(report.predictions.absent),
        "known": report.known,
        "runs": [_run(row, report, labels) | {"name": names[row.run]} for row in comparison.rows],
    }


def _sentence_content(predictions: Predictions, labels: Sequence[str]) -> dict[str, Any]:
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
