"""What noise costs: the same gold mentions, predicted in clean sentences and in noisy copies of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.evaluation.metrics import METRICS
from coner.evaluation.score import score
from coner.evaluation.significance import Difference, difference


@dataclass(frozen=True)
class Change:
    """A score on clean and on noisy sentences, and noisy less clean, paired by sentence."""

    clean: float
    noisy: float
    difference: Difference

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values = asdict(self)
        del values["difference"]["corrected_p"]  # nothing was compared more than once
        return values


def changes(
    gold: Sequence[Sequence[Entity]],
    clean: Sequence[Sequence[Entity]],
    noisy: Sequence[Sequence[Entity]],
    *,
    groups: Mapping[str, str] | None = None,
) -> dict[str, Change]:
    """Compare both sides by every metric that has ``from_counts``.

    Args:
        gold: the entities of each sentence.
        clean, noisy: the predictions in the sentences, and in their noisy copies.
        groups: fine label to coarse label.

    Raises:
        DataError: as ``score``.
    """
    sides = [score(gold, predicted, groups=groups) for predicted in (clean, noisy)]
    # With one group for all labels, the coarse counts are those of spans.
    labels = {entity.label for corpus in (gold, clean, noisy) for entities in corpus for entity in entities}
    spans = [score(gold, predicted, groups=dict.fromkeys(labels, "span")).coarse for predicted in (clean, noisy)]
    counts = {
        "fine": [[side.fine.counts] for side in sides],
        "coarse": [[side.coarse.counts] for side in sides],
        "span": [[side.counts] for side in spans],
    }
    result = {}
    for metric in METRICS:
        if metric.from_counts:
            level, function = metric.from_counts
            before, after = (metric.read(side) or 0.0 for side in sides)
            first, second = counts[level]
            result[metric.name] = Change(before, after, difference(first, second, function))
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
        raise DataError(f"got {len(noisy)} sentences, the clean file has {len(clean)}; {fix}", str(place))
