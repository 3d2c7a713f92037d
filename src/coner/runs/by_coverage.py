"""Separate scores for mentions that a knowledge base knows, with the right or another class, and for unknown ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from coner.core.types import Entity, Sentence
from coner.evaluation.results import Result
from coner.families.manifest import read_manifest
from coner.families.tagger import Tagger
from coner.knowledge import load
from coner.knowledge.knowledge import Knowledge
from coner.knowledge.leaks import find_leak
from coner.knowledge.type_labels import TypeLabels

GROUPS = ("right", "other", "none")
FOLDS = 2  # without training sentences, classes of types are learned on the other folds
Pair = tuple[Sentence, Iterable[Entity]]


def by_coverage(
    knowledge: Knowledge,
    gold: Sequence[Sentence],
    predicted: Sequence[Iterable[Entity]],
    train: Sequence[Sentence] | None = None,
) -> dict[str, Result]:
    """Scores by group of mentions.

    Groups are ``right``: a name covers exactly the words, and its likeliest class is the label; ``other``: its
    likeliest class is another; ``none``: no name covers them. A prediction belongs to the group that a gold mention
    with its words and label would be in. Which class a type stands for is learned from ``train``; without it, on one
    half of ``gold`` for the other.
    """
    pairs = list(zip(gold, predicted, strict=True))
    counts, own = Counter[tuple[str, str]](), {entity.label for s in gold for entity in s.entities or ()}
    if train is not None:
        counts.update(_counted(knowledge, TypeLabels.learn(knowledge, train, own), pairs))
    else:
        for fold in range(FOLDS):
            others = [sentence for number, sentence in enumerate(gold) if number % FOLDS != fold]
            counts.update(_counted(knowledge, TypeLabels.learn(knowledge, others, own), pairs[fold::FOLDS]))
    return {
        group: Result.of(tp=counts[group, "tp"], support=counts[group, "gold"], predicted=counts[group, "predicted"])
        for group in GROUPS
    }


def _counted(knowledge: Knowledge, labels: TypeLabels, pairs: Iterable[Pair]) -> Iterator[tuple[str, str]]:
    for sentence, entities in pairs:
        known = {(match.start, match.end): labels.label(match) for match in knowledge.match(sentence.words)}
        gold, predicted = {*(sentence.entities or ())}, {*entities}
        for what, some in (("gold", gold), ("predicted", predicted), ("tp", gold & predicted)):
            for entity in some:
                place = entity.start, entity.end
                group = "none" if place not in known else "right" if known[place] == entity.label else "other"
                yield group, what


def knowledge_of(tagger: Tagger | None, kb: str | Path | None) -> Knowledge | None:
    """The knowledge base ``kb``, or else that of the model."""
    if kb is not None:
        return load(kb)
    return None if tagger is None or tagger.knowledge is None else tagger.knowledge.knowledge


def kb_of_model(model: Path, kb: str | Path | None) -> str | Path | None:
    """The knowledge base to open a model with; ``None`` if it uses none, and ``kb`` only separates its scores."""
    return None if read_manifest(model).knowledge is None else kb


def warn_of_known(knowledge: Knowledge, gold: Sequence[Sentence], name: str) -> list[str]:
    """A warning if the knowledge base was made from sentences of the gold file."""
    if (leak := find_leak(knowledge, gold)) is None:
        return []
    return [f"Warning: the knowledge base knows {leak.what} of {name} ({leak.source})"]
