"""Robustness to noise: scores on clean sentences and on noisy copies with the same gold mentions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from coner.core.counted import counted
from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.evaluation.metrics import METRICS
from coner.evaluation.score import score
from coner.evaluation.significance import Difference, difference


@dataclass(frozen=True)
class Change:
    """A score on clean and on noisy sentences, and noisy minus clean, paired by sentence."""

    clean: float
    noisy: float
    difference: Difference

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values = asdict(self)
        del values["difference"]["corrected_p"]  # there is only one comparison
        return values


def changes(
    gold: Sequence[Sequence[Entity]],
    clean: Sequence[Sequence[Entity]],
    noisy: Sequence[Sequence[Entity]],
    *,
    groups: Mapping[str, str] | None = None,
) -> dict[str, Change]:
    """Compare predictions in sentences with those in their noisy copies, by every metric that has ``from_counts``.

    ``groups`` is fine label to coarse label; errors as in ``score``.
    """
    # With one group for all labels, the coarse counts are those of spans.
    spans = {entity.label: "span" for corpus in (gold, clean, noisy) for entities in corpus for entity in entities}
    sides = []
    for predicted in (clean, noisy):
        scores = score(gold, predicted, groups=groups)
        counts = {"fine": scores.fine.counts, "coarse": scores.coarse.counts}
        sides.append((scores, {**counts, "span": score(gold, predicted, groups=spans).coarse.counts}))
    (before, first), (after, second) = sides
    result = {}
    for metric in METRICS:
        if metric.from_counts:
            level, function = metric.from_counts
            change = difference([first[level]], [second[level]], function)
            result[metric.name] = Change(metric.read(before) or 0.0, metric.read(after) or 0.0, change)
    return result


def check_copy(clean: Sequence[Sentence], noisy: Sequence[Sentence], place: object) -> None:
    """Raise ``DataError`` unless ``noisy`` has the sentences of ``clean``, of the same lengths, with the same mentions.

    ``place`` is the noisy file, for messages.
    """
    fix = "expected a copy of it with typos only"
    for truth, copy in zip(clean, noisy, strict=False):
        if len(truth) != len(copy) or truth.entities != copy.entities:
            what = "words" if len(truth) != len(copy) else "mentions"
            message = f"got other {what} than in the clean sentence of line {truth.line}; {fix}"
            raise DataError(message, str(place), copy.line)
    if len(clean) != len(noisy):
        raise DataError(f"got {counted(len(noisy), 'sentence')}, the clean file has {len(clean)}; {fix}", str(place))
