"""What kind of errors a tagger makes: of label, of boundaries, of both, or all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from coner.core.types import Entity


@dataclass(frozen=True)
class Errors:
    """Gold mentions by their fate (the first five sum to their number), and predictions that touch none.

    Attributes:
        right: found with exactly this span and label.
        label: found with exactly this span, and another label.
        boundary: not so, but overlapped by a prediction of this label.
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
    """Count the fates of all mentions; ``ValueError`` where the numbers of sentences differ."""
    fates = dict.fromkeys(("right", "label", "boundary", "both", "missed"), 0)
    spurious = 0
    for truth, found in zip(gold, predicted, strict=True):
        for mention in truth:
            fates[_fate(mention, [other for other in found if _overlap(mention, other)])] += 1
        spurious += sum(not any(_overlap(mention, other) for mention in truth) for other in found)
    return Errors(**fates, spurious=spurious)


def _fate(mention: Entity, touching: Sequence[Entity]) -> str:
    if mention in touching:
        return "right"
    if any((other.start, other.end) == (mention.start, mention.end) for other in touching):
        return "label"
    if any(other.label == mention.label for other in touching):
        return "boundary"
    return "both" if touching else "missed"


def _overlap(one: Entity, other: Entity) -> bool:
    return one.start < other.end and other.start < one.end
