"""Scores of sentences whose sources annotate different labels: each sentence is scored on those of its source.

Predictions of labels that the source of a sentence does not annotate are ignored, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from coner.core.types import Entity, Sentence
from coner.evaluation.results import OwnScores
from coner.evaluation.score import score


def is_own(sentence: Sentence, entity: Entity) -> bool:
    """Whether the source of a sentence annotates the label of an entity."""
    return sentence.annotated is None or entity.label in sentence.annotated


def scores_by_source(gold: Sequence[Sentence], predicted: Sequence[Sequence[Entity]]) -> list[OwnScores]:
    """The scores for each set of annotated labels, in the order of the sentences; none if all labels are annotated."""
    sources: dict[frozenset[str], list[int]] = {}
    for index, sentence in enumerate(gold):
        if sentence.annotated is not None:
            sources.setdefault(sentence.annotated, []).append(index)
    found = []
    for labels, indices in sources.items():
        own = [[e for e in predicted[i] if e.label in labels] for i in indices]
        fine = score([gold[i] for i in indices], own).fine
        ignored = sum(len(predicted[i]) for i in indices) - sum(map(len, own))
        found.append(OwnScores(tuple(sorted(labels)), len(indices), ignored, fine.micro_f1, fine.macro_f1))
    return found


def dev_f1(gold: Sequence[Sentence], predicted: Sequence[Sequence[Entity]]) -> dict[str, float]:
    """Micro and macro F1 for model selection: over all sentences, or the mean over sources with different labels."""
    if not (sources := scores_by_source(gold, predicted)):
        fine = score(gold, predicted).fine
        return {"micro_f1": fine.micro_f1, "macro_f1": fine.macro_f1}
    names = ("micro_f1", "macro_f1")
    return {name: sum(getattr(source, name) for source in sources) / len(sources) for name in names}
