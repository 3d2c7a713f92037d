"""Scores, also of the mentions that a knowledge base knows, with the right or another class, and of unknown ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from coner.core.types import Entity, Sentence, surfaces
from coner.data import read, stream
from coner.data.label_map import load_map
from coner.data.reading.reader import Reading
from coner.data.taxonomy import AUTO, FLAT, choose_taxonomy
from coner.evaluation.results import Result, Scores
from coner.evaluation.score import score
from coner.families.manifest import read_manifest
from coner.families.tagger import Tagger
from coner.knowledge import load
from coner.knowledge.coverage import Coverage, measure
from coner.knowledge.knowledge import Knowledge
from coner.knowledge.leaks import find_leak
from coner.knowledge.type_labels import TypeLabels

GROUPS = ("right", "other", "none")
Pair = tuple[Sentence, Iterable[Entity]]


def all_scores(
    gold: Sequence[Sentence],
    predicted: Sequence[Sequence[Entity]],
    *,
    groups: Mapping[str, str],
    train: Sequence[Sentence] | None,
    knowledge: Knowledge | None,
) -> Scores:
    """Scores, with the recall on the mentions in ``train``, and separate scores by what ``knowledge`` knows."""
    scores = score(gold, predicted, groups=groups, seen=None if train is None else surfaces(train))
    return scores if knowledge is None else replace(scores, knowledge=by_coverage(knowledge, gold, predicted, train))


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
    pairs, own = list(zip(gold, predicted, strict=True)), {entity.label for s in gold for entity in s.entities or ()}
    halves = [(gold[1::2], pairs[::2]), (gold[::2], pairs[1::2])]
    counts = Counter[tuple[str, str]]()
    for learned_from, counted in halves if train is None else [(train, pairs)]:
        counts.update(_groups(knowledge, TypeLabels.learn(knowledge, learned_from, own), counted))
    return {
        group: Result.of(tp=counts[group, "tp"], support=counts[group, "gold"], predicted=counts[group, "predicted"])
        for group in GROUPS
    }


def _groups(knowledge: Knowledge, labels: TypeLabels, pairs: Iterable[Pair]) -> Iterator[tuple[str, str]]:
    for sentence, entities in pairs:
        known = {(match.start, match.end): labels.label(match) for match in knowledge.match(sentence.words)}
        gold, predicted = {*(sentence.entities or ())}, {*entities}
        for what, some in (("gold", gold), ("predicted", predicted), ("tp", gold & predicted)):
            for entity in some:
                place = entity.start, entity.end
                group = "none" if place not in known else "right" if known[place] == entity.label else "other"
                yield group, what


def measure_file(
    knowledge: Knowledge,
    file: Path,
    *,
    train: Path | None = None,
    label_map: str | None = None,
    format: str = "auto",
    **options: Unpack[Reading],
) -> Coverage:
    """Count what a knowledge base knows about the mentions of a labelled file.

    Args:
        knowledge: the knowledge base.
        file: in any format.
        train: labelled file; mentions that are not in it are unseen. By default those in one sentence of ``file`` only.
        label_map: from types to classes, a built-in one or a file; by default learned, see ``measure``.
        format: of ``file``; ``auto``: recognised.
        **options: how both files are read.

    Raises:
        DataError: a file or the map is faulty.
    """
    seen = None if train is None else surfaces(stream(train, **options, gold=True))
    corpus = read(file, format=format, **options, gold=True)
    classes = None if label_map is None else TypeLabels.of_map(_sets(label_map, corpus.labels), corpus.labels)
    return measure(knowledge, corpus.sentences, seen, classes)


def _sets(name: str, labels: Sequence[str]) -> Mapping[str, Iterable[str]]:
    """The classes of each type; groups of a built-in taxonomy with all labels of the file stand for their classes."""
    found, taxonomy = load_map(name), choose_taxonomy(AUTO, labels)
    return found.names() if taxonomy.name == FLAT else found.onto(taxonomy).sets


def knowledge_of(tagger: Tagger | None, kb: str | Path | None = None) -> Knowledge | None:
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
