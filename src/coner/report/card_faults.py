"""What a model is not good for, as far as its record shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coner.data.splits import noisy_split
from coner.data.taxonomy import Taxonomy
from coner.records.record import Record
from coner.report.card_tables import first_part, plain_text

WEAK = 0.5  # F1 below it
FEW = 30  # mentions: what is measured on fewer says little


def faults(record: Record, taxonomy: Taxonomy) -> list[str]:
    """Lines of Markdown, the gravest first; each a figure of the record, or what it does not have."""
    part = first_part(record)
    if part is None:
        return ["Nothing is known: the run was scored on no file."]
    fine = record.scores[part]["fine"]["classes"]
    known = {label: result for label, result in fine.items() if result["support"]}
    weak = sorted((label for label in known if known[label]["f1"] < WEAK), key=lambda label: known[label]["f1"])
    few = sorted((label for label in known if known[label]["support"] < FEW), key=lambda label: known[label]["support"])
    absent = [label for label in taxonomy.labels if label not in known]
    found = []
    if weak:
        listed = ", ".join(f"{plain_text(label)} ({known[label]['f1']:.2f})" for label in weak)
        found.append(f"Weak classes, with F1 below {WEAK} on {part}: {listed}.")
    if few:
        listed = ", ".join(f"{plain_text(label)} ({known[label]['support']})" for label in few)
        found.append(f"Hardly measured, with fewer than {FEW} mentions in {part}: {listed}.")
    if absent:
        found.append(f"Not measured at all, for {part} holds none: {', '.join(map(plain_text, absent))}.")
    found += _unseen(record.scores[part], part)
    found += _noise(record, part)
    if "test" not in record.scores:
        found.append("There is no test file: choices may have been made on dev, which flatters its figures.")
    found.append("Other languages, kinds of text and ways of writing than those of the files above: not measured.")
    return found


def _unseen(scores: dict[str, Any], part: str) -> Iterator[str]:
    if "seen" in scores and "unseen" in scores and scores["unseen"]["support"]:
        seen, unseen = scores["seen"]["recall"], scores["unseen"]["recall"]
        if unseen < seen:
            yield f"Names that training did not hold: recall {unseen:.3f}, where it is {seen:.3f} on others ({part})."


def _noise(record: Record, part: str) -> Iterator[str]:
    noisy = record.scores.get(noisy_split(part))
    if noisy is None:
        yield "Text with typos: not measured."
        return
    clean, spoilt = (scores["fine"]["macro_f1"] for scores in (record.scores[part], noisy))
    yield f"Text with typos: macro F1 {spoilt:.3f} on a noisy copy of {part}, where it is {clean:.3f} on the clean one."
