"""What noise costs a model, as ``coner evaluate`` shows it: clean and noisy side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coner.core.tags import Scheme
    from coner.core.types import Entity, Sentence
    from coner.data import Corpus
    from coner.evaluation.results import Scores
    from coner.evaluation.robustness import Change

TITLES = {"micro_f1": "micro F1", "macro_f1": "macro F1", "coarse_macro_f1": "coarse macro", "span_f1": "span F1"}


@dataclass(frozen=True)
class Cost:
    """Scores on the noisy copy, and what changes by it.

    Attributes:
        differing: sentences and words of the copy that are not those of the clean file.
    """

    scores: Scores
    changes: Mapping[str, Change]
    differing: tuple[int, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        from coner.records.recording import scores_with_intervals

        sentences, words = self.differing
        noisy = {**scores_with_intervals(self.scores), "noisy_sentences": sentences, "noisy_words": words}
        return {"noisy": noisy, "changes": {name: change.as_dict() for name, change in self.changes.items()}}


def noisy_copy(
    clean: Corpus, rate: float | None, file: Path | None, model: Path, *, scheme: Scheme, repair: bool
) -> Sequence[Sentence]:
    """The sentences with noise of this rate (as ``coner data noise`` makes it by default), or those of a file.

    Empty where neither is asked for.

    Raises:
        ConerError: both are asked for, or of something that is no model.
        DataError: the file is no noisy copy of the clean one.
    """
    from coner.core.errors import ConerError
    from coner.data import read
    from coner.data.keyboard import load_keyboard
    from coner.data.noise import Noise
    from coner.evaluation.robustness import check_copy

    if rate is None and file is None:
        return ()
    if rate is not None and file is not None:
        raise ConerError("--noise makes a noisy copy, --noisy names one; choose one")
    if not model.is_dir():
        raise ConerError(
            f"{model}: is no model folder; --noise and --noisy want a model, to tag the noisy copy with it"
        )
    if rate is not None:
        return Noise(load_keyboard("qwerty"), rate=rate)(clean)
    copy = read(str(file), scheme=scheme, repair=repair, gold=True)
    check_copy(clean, copy, copy.path)
    return copy


def noise_cost(
    clean: Sequence[Sentence],
    copy: Sequence[Sentence],
    found: Sequence[Sequence[Entity]],
    again: Sequence[Sequence[Entity]],
    *,
    groups: Mapping[str, str],
    seen: Collection[str] | None,
) -> Cost:
    """Score what was found in the noisy copy (``again``) beside what was found in the clean sentences."""
    from coner.evaluation.robustness import changes
    from coner.evaluation.score import score_sentences

    gold = [sentence.entities or () for sentence in clean]
    words = [sum(a != b for a, b in zip(x.words, y.words, strict=True)) for x, y in zip(clean, copy, strict=True)]
    scores = score_sentences(copy, again, groups=groups, seen=seen)
    return Cost(scores, changes(gold, found, again, groups=groups), (sum(map(bool, words)), sum(words)))


def show_cost(cost: Cost) -> None:
    """For a person."""
    from coner.report.columns import show_difference
    from coner.report.grid import Grid
    from coner.report.terminal import print_whole

    sentences, words = cost.differing
    title = f"with typos in {words} of {cost.scores.words} words, {sentences} of {cost.scores.sentences} sentences"
    rows = [
        [TITLES[name], f"{change.clean:.4f}", f"{change.noisy:.4f}", *show_difference(change.difference)]
        for name, change in cost.changes.items()
    ]
    cells = [[(cell, False) for cell in row] for row in rows]
    print_whole(title, Grid(["", "clean", "noisy", "noisy less clean (95 %)", "p"], cells).table())
