"""Where a tagger fails: its errors by kind, and its scores by the length of mentions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from coner.core.types import Entity
from coner.evaluation.results import Result

LONGEST = 5  # words; this and all greater lengths share one result


@dataclass(frozen=True)
class Errors:
    """Gold mentions by outcome (the first five sum to their number), and predictions that overlap none."""

    right: int = 0  # predicted with exactly this span and label
    label: int = 0  # predicted with exactly this span, and another label
    boundary: int = 0  # none of these, but overlapped by a prediction of this label
    both: int = 0  # overlapped by predictions of other labels only
    missed: int = 0  # overlapped by no prediction
    spurious: int = 0  # predictions that overlap no gold mention


def classify_errors(gold: Iterable[Sequence[Entity]], predicted: Iterable[Sequence[Entity]]) -> Errors:
    """Count the outcomes of all mentions; ``ValueError`` where the numbers of sentences differ."""
    counts = Counter[str]()
    for mentions, predictions in zip(gold, predicted, strict=True):
        counts.update(_outcome(mention, [p for p in predictions if _overlap(mention, p)]) for mention in mentions)
        counts["spurious"] += sum(not any(_overlap(mention, p) for mention in mentions) for p in predictions)
    return Errors(**counts)


def score_lengths(
    gold: Iterable[Sequence[Entity]], predicted: Iterable[Sequence[Entity]], *, longest: int = LONGEST
) -> tuple[Result, ...]:
    """Score mentions of 1, 2, ..., ``longest`` or more words; ``ValueError`` where the numbers of sentences differ.

    Gold mentions count at their own length, predictions at theirs; a hit has both, since its span is exact.
    """
    support, total, hits = Counter[int](), Counter[int](), Counter[int]()
    for row, other in zip(gold, predicted, strict=True):
        mentions, predictions = set(row), set(other)
        for counter, entities in ((support, mentions), (total, predictions), (hits, mentions & predictions)):
            counter.update(min(longest, entity.end - entity.start) for entity in entities)
    return tuple(
        Result.of(tp=hits[length], support=support[length], predicted=total[length]) for length in range(1, longest + 1)
    )


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
