"""Scores at the level of entities: a prediction is right where exactly its span with exactly its label is in gold.

Precision, recall and F1 are fractions of 1, and 0 where nothing is there to divide by. Macro F1 is the mean over the
classes that occur in gold (seqeval averages over the union with the predicted classes, which is the same wherever each
predicted class occurs in gold); predictions of other classes count against micro F1 only. A mention is *seen* where
its words, lower-cased, are a mention of any label in training.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.evaluation.counts import Counts, Ints
from coner.evaluation.results import SCORER, Level, Recall, Result, Scores
from coner.evaluation.spans import Spans, spans_from_entities, spans_from_tags

__all__ = ["SCORER", "Level", "Recall", "Result", "Scores", "score", "score_sentences", "score_tags"]


def score(
    gold: Sequence[Sequence[Entity]],
    predicted: Sequence[Sequence[Entity]],
    *,
    groups: Mapping[str, str] | None = None,
    words: Sequence[Sequence[str]] | None = None,
    seen: Collection[str] | None = None,
) -> Scores:
    """Compare the entities of each sentence; equal entities of a sentence count once, as in a set.

    Args:
        gold, predicted: the entities of each sentence, the same sentences in the same order.
        groups: fine label to coarse label.
        words: the words of each sentence; needed for ``seen``.
        seen: the mentions of the training data, see ``types.surfaces``.

    Raises:
        DataError: the numbers of sentences differ, an entity lies outside its sentence, a span has two labels, or a
            label has no group.
        ValueError: ``seen`` without ``words``.
    """
    _same_length(gold, predicted, "predicted sentences")
    truth, found = spans_from_entities(gold, "gold"), spans_from_entities(predicted, "predicted")
    if words is not None:
        _same_length(gold, words, "lists of words")
        lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
        for what, spans in (("gold", truth), ("predicted", found)):
            if (bad := np.flatnonzero(spans.end > lengths[spans.sentence])).size:
                i, end = spans.sentence[bad[0]], spans.end[bad[0]]
                raise DataError(
                    f"sentence {i + 1}: a {what} entity ends at word {end}, the sentence has {lengths[i]} words"
                )
    scores = _score(truth, found, groups, words, seen)
    return scores if words is None else replace(scores, words=int(lengths.sum()))


def score_tags(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    *,
    groups: Mapping[str, str] | None = None,
    words: Sequence[Sequence[str]] | None = None,
    seen: Collection[str] | None = None,
) -> Scores:
    """``score`` from IOB2 tags: gold read strictly, predictions mended by conlleval's rule and counted in ``repaired``.

    Raises:
        DataError: as ``score``; and for a sentence with different numbers of tags, or a faulty gold tag.
    """
    for what, other in (("predicted tags", predicted), ("words", gold if words is None else words)):
        _same_length(gold, other, f"sentences of {what}")
        for i, (tags, rest) in enumerate(zip(gold, other, strict=True)):
            if len(tags) != len(rest):
                raise DataError(f"sentence {i + 1}: {len(tags)} gold tags, {len(rest)} {what}; expected as many")
    truth, _ = spans_from_tags(gold, strict=True)
    found, repaired = spans_from_tags(predicted, strict=False)
    scores = _score(truth, found, groups, words, seen)
    return replace(scores, words=sum(map(len, gold)), repaired=repaired)


def score_sentences(
    sentences: Sequence[Sentence],
    predicted: Sequence[Sequence[Entity]],
    *,
    groups: Mapping[str, str] | None = None,
    seen: Collection[str] | None = None,
) -> Scores:
    """``score`` with the gold entities and the words of sentences; ``DataError`` where one carries no labels."""
    gold = []
    for index, sentence in enumerate(sentences):
        if sentence.entities is None:
            raise DataError(f"sentence {index + 1} (line {sentence.line}) carries no labels; expected gold entities")
        gold.append(sentence.entities)
    return score(gold, predicted, groups=groups, words=[sentence.words for sentence in sentences], seen=seen)


def _same_length(gold: Sequence[Any], other: Sequence[Any], what: str) -> None:
    if len(gold) != len(other):
        raise DataError(f"gold has {len(gold)} sentences, but {len(other)} {what} came with them; expected as many")


def _score(
    gold: Spans,
    found: Spans,
    groups: Mapping[str, str] | None,
    words: Sequence[Sequence[str]] | None,
    seen: Collection[str] | None,
) -> Scores:
    names = tuple(sorted({*gold.names, *found.names}))
    place = {name: index for index, name in enumerate(names)}
    gold_label = _renumber(gold, place)
    found_label = _renumber(found, place)
    match = _match(gold, found)
    fine = _level(names, gold_label, found_label, match)
    coarse = fine
    if groups is not None:
        if strange := [name for name in names if name not in groups]:
            raise DataError(
                f"label {strange[0]!r} is in no group of the taxonomy; expected one of: {', '.join(groups)}"
            )
        coarse_names = tuple(sorted({groups[name] for name in names}))
        table = np.array([coarse_names.index(groups[name]) for name in names], dtype=np.int64)
        coarse = _level(coarse_names, table[gold_label], table[found_label], match)
    span = Result.of(tp=len(match.in_gold), support=len(gold), predicted=len(found))
    known = new = None
    if seen is not None:
        if words is None:
            raise ValueError("seen mentions are told by their words: give words too")
        hit = np.zeros(len(gold), dtype=bool)
        hit[match.in_gold] = gold_label[match.in_gold] == found_label[match.in_found]
        known, new = _recalls(gold, hit, words, seen)
    return Scores(fine, coarse, span, known, new, sentences=gold.sentences, words=None)


def _renumber(spans: Spans, place: Mapping[str, int]) -> Ints:
    table = np.array([place[name] for name in spans.names], dtype=np.int64)
    return table[spans.label] if len(spans) else spans.label


@dataclass(frozen=True, eq=False)
class _Match:
    """The spans that are a mention in both: ``gold``'s number ``in_gold[k]`` is ``found``'s number ``in_found[k]``."""

    gold: Spans
    found: Spans
    in_gold: Ints
    in_found: Ints


def _match(gold: Spans, found: Spans) -> _Match:
    width = 1 + max(int(gold.end.max(initial=0)), int(found.end.max(initial=0)))
    longest = 1 + max(int((s.end - s.start).max(initial=0)) for s in (gold, found))
    here, there = ((s.sentence * width + s.start) * longest + (s.end - s.start) for s in (gold, found))
    _, in_gold, in_found = np.intersect1d(here, there, assume_unique=True, return_indices=True)
    return _Match(gold, found, in_gold, in_found)


def _level(names: tuple[str, ...], gold_label: Ints, found_label: Ints, match: _Match) -> Level:
    size = len(names)
    same_gold, same_found = gold_label[match.in_gold], found_label[match.in_found]
    pairs = np.bincount(same_gold * size + same_found, minlength=size * size).reshape(size, size)
    support, predicted = np.bincount(gold_label, minlength=size), np.bincount(found_label, minlength=size)
    hits = match.in_gold[same_gold == same_found]
    tp = np.diagonal(pairs)
    classes = {
        name: Result.of(tp=int(tp[i]), support=int(support[i]), predicted=int(predicted[i]))
        for i, name in enumerate(names)
    }
    whole = Result.of(tp=int(tp.sum()), support=len(gold_label), predicted=len(found_label))
    judged = [result.f1 for result in classes.values() if result.support]
    gold_keys, found_keys = match.gold.sentence * size + gold_label, match.found.sentence * size + found_label
    return Level(
        precision=whole.precision,
        recall=whole.recall,
        micro_f1=whole.f1,
        macro_f1=sum(judged) / len(judged) if judged else 0.0,
        macro_classes=len(judged),
        classes=classes,
        counts=Counts.of(names, match.gold.sentences, gold=gold_keys, predicted=found_keys, hits=gold_keys[hits]),
        confusion={
            name: {names[j]: int(pairs[i, j]) for j in np.flatnonzero(pairs[i])}
            for i, name in enumerate(names)
            if pairs[i].any()
        },
    )


def _recalls(
    gold: Spans, hit: npt.NDArray[np.bool_], words: Sequence[Sequence[str]], seen: Collection[str]
) -> tuple[Recall, Recall]:
    places = zip(gold.sentence.tolist(), gold.start.tolist(), gold.end.tolist(), strict=True)
    known = np.array([" ".join(words[i][a:b]).lower() in seen for i, a, b in places], dtype=bool)
    parts = []
    for chosen in (known, ~known):
        support, tp = int(chosen.sum()), int(hit[chosen].sum())
        parts.append(Recall(tp / support if support else 0.0, support, tp))
    return parts[0], parts[1]
