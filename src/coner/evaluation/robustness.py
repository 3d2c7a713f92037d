"""What noise costs: the same gold mentions, found in clean sentences and in noisy copies of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.evaluation.score import score
from coner.evaluation.significance import Difference, difference, macro_f1, micro_f1


@dataclass(frozen=True)
class Change:
    """A score on clean and on noisy sentences, and noisy less clean, paired by sentence."""

    clean: float
    noisy: float
    difference: Difference

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        rest = asdict(self.difference)
        del rest["corrected_p"]  # nothing was compared more than once
        return {"clean": self.clean, "noisy": self.noisy, "difference": rest}


def changes(
    gold: Sequence[Sequence[Entity]],
    clean: Sequence[Sequence[Entity]],
    noisy: Sequence[Sequence[Entity]],
    *,
    groups: Mapping[str, str] | None = None,
) -> dict[str, Change]:
    """``micro_f1``, ``macro_f1``, ``coarse_macro_f1`` and ``span_f1`` on both sides.

    Args:
        gold: the entities of each sentence.
        clean, noisy: what was found in the sentences, and in their noisy copies.
        groups: fine label to coarse label.

    Raises:
        DataError: as ``score``.
    """
    sides = [score(gold, found, groups=groups) for found in (clean, noisy)]
    # One group for all labels leaves spans: so these have counts by sentence too.
    labels = {entity.label for corpus in (gold, clean, noisy) for entities in corpus for entity in entities}
    spans = [score(gold, found, groups=dict.fromkeys(labels, "span")) for found in (clean, noisy)]
    chosen = {
        "micro_f1": ([side.fine for side in sides], micro_f1),
        "macro_f1": ([side.fine for side in sides], macro_f1),
        "coarse_macro_f1": ([side.coarse for side in sides], macro_f1),
        "span_f1": ([side.coarse for side in spans], micro_f1),
    }
    found = {}
    for name, (levels, metric) in chosen.items():
        values = [level.micro_f1 if metric is micro_f1 else level.macro_f1 for level in levels]
        paired = difference([levels[0].counts], [levels[1].counts], metric)
        found[name] = Change(values[0], values[1], paired)
    return found


def check_copy(clean: Sequence[Sentence], noisy: Sequence[Sentence], place: object) -> None:
    """``DataError`` where sentences are no noisy copy: not as many of them, or one with other mentions or length."""
    for truth, copy in zip(clean, noisy, strict=False):
        if len(truth) != len(copy) or truth.entities != copy.entities:
            what = "words" if len(truth) != len(copy) else "mentions"
            message = f"other {what} than in the clean sentence of line {truth.line}"
            raise DataError(f"{message}; expected a copy of it with typos only", str(place), copy.line)
    if len(clean) != len(noisy):
        raise DataError(
            f"{len(noisy)} sentences, the clean file has {len(clean)}; expected a copy of it with typos only",
            str(place),
        )
