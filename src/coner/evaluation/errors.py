"""The errors of a tagger by kind: label, boundary, both, missed, spurious."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from coner.core.types import Entity


@dataclass(frozen=True)
class Errors:
    """Gold mentions by outcome (the first five sum to their number), and predictions that overlap none.

    Attributes:
        right: predicted with exactly this span and label.
        label: predicted with exactly this span, and another label.
        boundary: none of these, but overlapped by a prediction of this label.
        both: overlapped by predictions of other labels only.
        missed: overlapped by no prediction.
        spurious: predictions that overlap no gold mention.
    """

    right: int
    label: int
    boundary: int
    both: int
    missed: int
    spurious: int

    def as_dict(self) -> dict[str, int]:
        """Plain values, for JSON."""
        return asdict(self)


def classify_errors(gold: Iterable[Sequence[Entity]], predicted: Iterable[Sequence[Entity]]) -> Errors:
    """Count the outcomes of all mentions; ``ValueError`` where the numbers of sentences differ."""
    counts = dict.fromkeys(("right", "label", "boundary", "both", "missed", "spurious"), 0)
    for truth, guesses in zip(gold, predicted, strict=True):
        for mention in truth:
            counts[_outcome(mention, [guess for guess in guesses if _overlap(mention, guess)])] += 1
        counts["spurious"] += sum(not any(_overlap(mention, guess) for mention in truth) for guess in guesses)
    return Errors(**counts)


def _outcome(mention: Entity, overlapping: Sequence[Entity]) -> str:
    if mention in overlapping:
        return "right"
    if any((other.start, other.end) == (mention.start, mention.end) for other in overlapping):
        return "label"
    if any(other.label == mention.label for other in overlapping):
        return "boundary"
    return "both" if overlapping else "missed"


def _overlap(one: Entity, other: Entity) -> bool:
    return one.start < other.end and other.start < one.end
