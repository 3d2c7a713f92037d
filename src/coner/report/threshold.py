"""Print calibration, thresholds and their trade-off in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from coner.core.counted import counted
from coner.evaluation.calibration import Calibration
from coner.families.operating_point import Measurement, OperatingPoint
from coner.report.card_tables import plain_text
from coner.report.grid import DASH, Grid, bold, print_whole

if TYPE_CHECKING:
    from coner.runs.threshold import Study

SCORES = {"precision": "precision", "recall": "recall", "micro F1": "micro_f1", "macro F1": "macro_f1"}


def show_study(study: Study, *, trade_off: bool) -> None:
    """Print how well each method calibrates, and the scores at evenly spaced thresholds."""
    title = f"{study.path}: calibration errors on {study.options.folds} folds that were held out"
    print_whole(title, calibration_grid(study.calibrations, study.method).table())
    if trade_off:
        print_whole(f"{study.path}, calibration {study.method}", trade_off_grid(study.trade_off()).table())


def show_point(point: OperatingPoint) -> None:
    """Print thresholds, and what they give on each file."""
    if point.thresholds:
        print_whole(threshold_grid(point).table())
    print_whole("\n".join(summary(point)), measured_grid(point).table())


def calibration_grid(calibrations: Mapping[str, Calibration], chosen: str) -> Grid:
    """Calibration errors of each method, the chosen one in bold."""
    rows = [
        [bold(cell, name == chosen) for cell in (name, f"{found.error:.4f}", f"{found.brier:.4f}")]
        for name, found in calibrations.items()
    ]
    return Grid(["calibration", "ECE", "Brier"], rows)


def trade_off_grid(rows: Sequence[Mapping[str, float]]) -> Grid:
    """Scores at evenly spaced thresholds."""
    cells = [
        [f"{row['threshold']:.2f}", f"{row['kept']:.0f}", *(f"{row[key]:.4f}" for key in SCORES.values())]
        for row in rows
    ]
    return Grid(["threshold", "kept", *SCORES], cells)


def measured_grid(point: OperatingPoint) -> Grid:
    """What the operating point gives on each file, beside what the model gives without it."""
    chosen = point.chosen
    rows = {
        f"{chosen.file}, before": chosen.before,
        f"{chosen.file}, chosen on it": chosen.dev,
        f"{chosen.file}, held out": chosen.held_out,
        f"{chosen.test_file}, before": chosen.test_before,
        f"{chosen.test_file}, after": chosen.test,
    }
    cells = [_cells(name, found) for name, found in rows.items() if found is not None]
    return Grid(["", "kept", "precision (95 %)", "recall", "micro F1", "macro F1", "ECE"], cells)


def _cells(name: str, found: Measurement) -> list[str]:
    value, low, high = found.precision
    others = (found.recall[0], found.micro_f1[0], found.macro_f1[0])
    rest = [*(f"{other:.4f}" for other in others), f"{found.ece:.4f}"]
    return [name, f"{found.kept}/{found.predictions}", f"{value:.4f} [{low:.4f}, {high:.4f}]", *rest]


def threshold_grid(point: OperatingPoint) -> Grid:
    """The threshold of each class that has its own."""
    own = [[label, f"{value:.4f}"] for label, value in sorted(point.thresholds.items())]
    rare = [[label, DASH] for label in point.chosen.rare]
    return Grid(["class", "threshold"], own + rare)


def summary(point: OperatingPoint) -> list[str]:
    """What was chosen, and what was reached, in lines."""
    chosen = point.chosen
    lines = [f"calibration: {point.method}"]
    if chosen.goal is None:
        return lines
    kind = f", and {_own(point)}" if point.thresholds else ""
    lines.append(f"threshold: {point.threshold:.4f}{kind}")
    quantity = chosen.goal.partition(">=")[0]
    reached = [f"{_interval(found, quantity)} {where}" for where, found in _reached(point)]
    lines.append(f"{chosen.goal}: {', '.join(reached)}")
    if quantity in ("micro_f1", "macro_f1") and _value(chosen.held_out, quantity) <= _value(chosen.before, quantity):
        lines.append("Warning: held out, this is no better than without a threshold. Fix: more dev data, or --clear")
    if chosen.unreachable:
        lines.append(f"Warning: without {chosen.unreachable} of {chosen.folds} folds the goal could not be reached")
    if chosen.rare:
        fewer = f"fewer than {chosen.minimum} mentions or predictions in {chosen.file}"
        lines.append(f"with the threshold of all, as there are {fewer}: {', '.join(chosen.rare)}")
    return lines


def _own(point: OperatingPoint) -> str:
    return f"{counted(len(point.thresholds), 'class', 'classes')} with their own"


def card_section(point: OperatingPoint | None) -> str:
    """The section of a model card; empty without an operating point."""
    if point is None:
        return ""
    chosen = point.chosen
    about = f"Confidences are calibrated (method: {point.method})." if point.calibration else ""
    if chosen.goal is not None:
        own = f"; {_own(point)} threshold" if point.thresholds else ""
        about += f" Entities with a confidence below {point.threshold:.4f} are left out, for {chosen.goal}{own}."
    where = f"Chosen on {plain_text(chosen.file)}; held out: each of {chosen.folds} folds of it with what was chosen on"
    others = "the others. In fractions of 1, with 95 % bootstrap intervals. The scores above are without thresholds."
    return f"{about.strip()} {where} {others}\n\n{measured_grid(point).markdown()}".strip()


def _reached(point: OperatingPoint) -> list[tuple[str, Measurement]]:
    chosen = point.chosen
    found = [(f"on {chosen.file}", chosen.dev), ("held out", chosen.held_out)]
    return found + ([(f"on {chosen.test_file}", chosen.test)] if chosen.test is not None else [])


def _value(found: Measurement, quantity: str) -> float:
    value: float = getattr(found, quantity)[0]
    return value


def _interval(found: Measurement, quantity: str) -> str:
    value, low, high = getattr(found, quantity)
    return f"{value:.4f} [{low:.4f}, {high:.4f}]"


def as_dict(
    point: OperatingPoint | None, *, stored: bool, study: Study | None = None, trade_off: bool = False
) -> dict[str, Any]:
    """Plain values for JSON, with the methods that a study compared, and the scores at evenly spaced thresholds."""
    compared = {} if study is None else study.calibrations
    return {
        "operating_point": None if point is None else point.model_dump(mode="json"),
        "stored": stored,
        "calibrations": {name: {"ece": found.error, "brier": found.brier} for name, found in compared.items()},
        "trade_off": study.trade_off() if study is not None and trade_off else [],
    }
