"""Scores by the length of mentions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from coner.core.types import Entity
from coner.evaluation.results import Result

LONGEST = 5  # words; this and all greater lengths share one result


def score_lengths(
    gold: Iterable[Sequence[Entity]], predicted: Iterable[Sequence[Entity]], *, longest: int = LONGEST
) -> tuple[Result, ...]:
    """Score mentions of 1, 2, ..., ``longest`` or more words; ``ValueError`` where the numbers of sentences differ.

    Gold mentions count at their own length, predictions at theirs; a hit has both, since its span is exact.
    """
    support, total, hits = Counter[int](), Counter[int](), Counter[int]()
    for truth, guesses in zip(gold, predicted, strict=True):
        mentions, answers = set(truth), set(guesses)
        for counter, entities in ((support, mentions), (total, answers), (hits, mentions & answers)):
            counter.update(min(longest, entity.end - entity.start) for entity in entities)
    return tuple(
        Result.of(tp=hits[length], support=support[length], predicted=total[length]) for length in range(1, longest + 1)
    )
