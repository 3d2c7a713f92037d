"""Print an evaluation in the terminal: scores, errors and classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coner.core.counted import counted
from coner.evaluation.metrics import shown_in
from coner.report.columns import TITLES, show_difference
from coner.report.grid import Grid, bold, print_whole

if TYPE_CHECKING:
    from coner.evaluation.results import Result
    from coner.runs.scoring import Evaluation

HEADING = ["class", "precision", "recall", "F1", "gold", "predicted"]
COVERAGE = {"right": "known, with the right class", "other": "known, with another class", "none": "not known"}


def show_evaluation(evaluation: Evaluation, intervals: dict[str, Any], gold: str) -> None:
    """Print the scores of an evaluation on ``gold``, then a table of all classes."""
    scores, errors = evaluation.scores, evaluation.errors
    fine, coarse = scores.fine, scores.coarse
    partial = evaluation.predictions.llm.get("partial")
    total = f" of {partial['sentences']}, as the others have no answer" if partial else ""
    lines = [f"{gold}, {scores.sentences} sentences{total}, {scores.words} words"]
    for title, metric in shown_in("evaluate").items():
        if (value := metric.read(scores)) is not None:
            bounds = intervals.get(metric.name)
            interval = f"  [{bounds[0]:.4f}, {bounds[1]:.4f}]" if bounds else ""
            lines.append(f"{title:<10} {value:.4f}{interval}  {metric.detail.format(scores)}".rstrip())
    lines.append(
        f"errors     {errors.label} wrong label, {errors.boundary} wrong boundaries, {errors.both} both wrong, "
        f"{errors.missed} missed, {errors.spurious} spurious"
    )
    rows = []
    for group, classes in evaluation.taxonomy.groups.items():
        inner = [label for label in classes if label in fine.classes]
        if group in coarse.classes and inner != [group]:
            rows.append([bold(cell, True) for cell in _cells(group, coarse.classes[group])])
        rows += [_cells(label if inner == [group] else f"  {label}", fine.classes[label]) for label in inner]
    print_whole("\n".join(lines), Grid(HEADING, rows).table())
    if scores.knowledge is not None:
        rows = [_cells(title, scores.knowledge[group]) for group, title in COVERAGE.items()]
        print_whole("mentions by what the knowledge base knows", Grid(HEADING, rows).table())
    if (noisy := evaluation.noisy) is not None:
        words = f"{evaluation.noisy_words} of {noisy.words} words"
        title = f"with typos in {words}, {evaluation.noisy_sentences} of {noisy.sentences} sentences"
        rows = [
            [TITLES[name], f"{change.clean:.4f}", f"{change.noisy:.4f}", *show_difference(change.difference)]
            for name, change in evaluation.changes.items()
        ]
        print_whole(title, Grid(["", "clean", "noisy", "noisy - clean (95 %)", "p"], rows).table())


def warnings(evaluation: Evaluation) -> list[str]:
    """How files were read, what was repaired or left out, and predicted classes that gold lacks."""
    corpus, fine = evaluation.corpus, evaluation.scores.fine
    lines = [*evaluation.predictions.notes]
    for read, where in ((corpus, "gold file"), (evaluation.predictions, "predictions")):
        lines += [f"Warning: {counted(read.repaired, 'error')} repaired in the {where}"] * bool(read.repaired)
        lines += [f"Warning: {counted(read.skipped, 'item')} of the {where} left out"] * bool(read.skipped)
    absent = {label: result.predicted for label, result in fine.classes.items() if not result.support}
    if absent:
        lines.append(
            f"Warning: {counted(sum(absent.values()), 'prediction')} of classes that do not occur in gold "
            f"({', '.join(absent)}): "
            "they lower micro F1, and are not part of macro F1"
        )
    return lines


def _cells(name: str, result: Result) -> list[str]:
    rates = (f"{value:.4f}" for value in (result.precision, result.recall, result.f1))
    return [name, *rates, str(result.support), str(result.predicted)]
