"""The limitations of a model, as far as its record shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from coner.data.splits import noisy_split
from coner.data.taxonomy import Taxonomy
from coner.evaluation.results import Result
from coner.records.record import Record
from coner.records.sections import RecordedScores
from coner.report.card_tables import first_split, plain_text

WEAK = 0.5  # F1 below it
FEW = 30  # mentions: a score on fewer is unreliable


def limits(record: Record, taxonomy: Taxonomy) -> list[str]:
    """Return lines of Markdown, the most serious first; each a figure of the record, or what it does not have."""
    split = first_split(record)
    if split is None:
        return ["Nothing is known: the run was not evaluated."]
    known = {label: of for label, of in record.scores[split].fine.classes.items() if of.support}
    weak = _listed(known, lambda of: of.f1, WEAK, "{:.2f}")
    few = _listed(known, lambda of: of.support, FEW, "{}")
    absent = [label for label in taxonomy.labels if label not in known]
    lines = []
    if weak:
        lines.append(f"Weak classes, with F1 below {WEAK} on {split}: {weak}.")
    if few:
        lines.append(f"Unreliable scores, with fewer than {FEW} mentions in {split}: {few}.")
    if absent:
        lines.append(f"Not measured, as {split} has no mention of them: {', '.join(map(plain_text, absent))}.")
    lines += _unseen(record.scores[split], split)
    lines.append(_noise(record, split))
    if "test" not in record.scores:
        lines.append("There is no test file: choices may have been made on dev, so its scores are optimistic.")
    lines.append("Other languages, domains and spelling than those of the files above: not measured.")
    return lines


def _listed(classes: Mapping[str, Result], value: Callable[[Result], float], below: float, form: str) -> str:
    """The classes with a value below a limit, in ascending order."""
    chosen = sorted((value(of), label) for label, of in classes.items() if value(of) < below)
    return ", ".join(f"{plain_text(label)} ({form.format(number)})" for number, label in chosen)


def _unseen(scores: RecordedScores, split: str) -> Iterator[str]:
    seen, unseen = scores.seen, scores.unseen
    if seen and unseen and unseen.support and unseen.recall < seen.recall:
        yield f"Names not seen in training: recall {unseen.recall:.3f}, and {seen.recall:.3f} on the others ({split})."


def _noise(record: Record, split: str) -> str:
    noisy = record.scores.get(noisy_split(split))
    if noisy is None:
        return "Text with typos: not measured."
    before, after = record.scores[split].fine.macro_f1, noisy.fine.macro_f1
    return f"Text with typos: macro F1 {after:.3f} on a noisy copy of {split}, {before:.3f} on the clean text."
