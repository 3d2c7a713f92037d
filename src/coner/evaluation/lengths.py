"""Scores by the length of mentions: long ones are hard to find whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from coner.core.types import Entity
from coner.evaluation.results import Result

LONGEST = 5  # words; the last line holds all from there on


def score_lengths(
    gold: Iterable[Sequence[Entity]], predicted: Iterable[Sequence[Entity]], *, longest: int = LONGEST
) -> tuple[Result, ...]:
    """Precision, recall and F1 of mentions of 1, 2, ... words; the last also of longer ones.

    Gold mentions are counted at their own length, predictions at theirs; a hit has both, since its span is exact.
    ``ValueError`` where the numbers of sentences differ.
    """
    support, found, hits = Counter[int](), Counter[int](), Counter[int]()
    for truth, guesses in zip(gold, predicted, strict=True):
        mentions, answers = set(truth), set(guesses)
        for counter, entities in ((support, mentions), (found, answers), (hits, mentions & answers)):
            counter.update(min(longest, entity.end - entity.start) for entity in entities)
    return tuple(
        Result.of(tp=hits[length], support=support[length], predicted=found[length]) for length in range(1, longest + 1)
    )
