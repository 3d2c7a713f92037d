"""Training of the feature CRF on data sets with different labels, each complete for its own labels only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from coner.core.counted import counted
from coner.core.progress import Log
from coner.core.types import Entity, Sentence
from coner.families.family import Built
from coner.families.tagger import Tagger

Train = Callable[[Sequence[Sentence], Sequence[Sentence]], Built]  # from train and dev


def train_union(train_complete: Train, train: Sequence[Sentence], dev: Sequence[Sentence], log: Log) -> Built:
    """Train a CRF per data set, label the other data sets with the labels that they lack, then train one on all.

    python-crfsuite takes no sets of possible labels, so the likeliest ones replace them.
    """
    own = list(dict.fromkeys(sentence.annotated for sentence in train))
    firsts: list[tuple[frozenset[str] | None, Tagger]] = []
    facts = []
    for number, labels in enumerate(own, 1):
        some = [replace(sentence, regions=None) for sentence in train if sentence.annotated == labels]
        names = counted(len(labels or ()), "label")
        log(f"step {number} of {len(own) + 1}: training on {counted(len(some), 'sentence')} with {names}")
        built = train_complete(some, [sentence for sentence in dev if sentence.annotated == labels])
        firsts.append((labels, built.tagger))
        facts.append(dict(built.facts))
    log(f"step {len(own) + 1} of {len(own) + 1}: training on all, with the likeliest of their possible labels")
    last = train_complete(list(_labelled(train, firsts)), dev)
    return Built(last.tagger, {**last.facts, "first_steps": facts})


def _labelled(train: Sequence[Sentence], taggers: Sequence[tuple[frozenset[str] | None, Tagger]]) -> Sequence[Sentence]:
    """Add the labels that the data set of a sentence lacks, as predicted by the taggers of the other data sets."""
    entities = [list(sentence.entities or ()) for sentence in train]
    for labels, tagger in taggers:
        others = [index for index, sentence in enumerate(train) if sentence.annotated != labels]
        for index, predicted in zip(others, tagger.tag([train[index] for index in others]), strict=True):
            annotated = train[index].annotated or frozenset()
            entities[index] += [e for e in predicted if e.label not in annotated and _is_free(e, entities[index])]
    return [
        replace(sentence, entities=tuple(sorted(found)), regions=None, annotated=None)
        for sentence, found in zip(train, entities, strict=True)
    ]


def _is_free(entity: Entity, taken: Sequence[Entity]) -> bool:
    return all(entity.end <= other.start or other.end <= entity.start for other in taken)
