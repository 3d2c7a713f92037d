"""Entity-level scores: a prediction is correct where exactly its span with exactly its label is in gold.

Precision, recall and F1 are fractions of 1, and 0 where there is nothing to divide by. Macro F1 is the mean over the
classes that occur in gold (seqeval averages over the union with the predicted classes, which is the same wherever each
predicted class occurs in gold); predictions of other classes count against micro F1 only. A mention is *seen* where
its words, lower-cased, are a mention of any label in training.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.evaluation.counts import Counts, Ints
from coner.evaluation.results import Level, Recall, Result, Scores
from coner.evaluation.spans import Spans, spans_from_entities, spans_from_tags


class Labelled(Protocol):
    """A ``Sentence``, a ``Prediction``, or another object with entities."""

    @property
    def entities(self) -> Sequence[Entity] | None:
        """``None`` if a sentence has no labels, or a prediction no answer."""


Row = Labelled | Sequence[Entity]


def score(
    gold: Iterable[Row],
    predicted: Iterable[Row],
    *,
    groups: Mapping[str, str] | None = None,
    words: Sequence[Sequence[str]] | None = None,
    seen: Collection[str] | None = None,
) -> Scores:
    """Score the entities of each sentence; equal entities of a sentence count once, as in a set.

    Args:
        gold: of each sentence, the ``Sentence`` itself or its entities.
        predicted: of the same sentences in the same order, the ``Prediction`` or its entities.
        groups: fine label to coarse label.
        words: the words of each sentence, by default those of gold sentences; needed for ``seen``.
        seen: the mentions of the training data, see ``types.surfaces``.

    Raises:
        DataError: the numbers of sentences differ, a sentence has no labels or no answer, an entity lies outside its
            sentence, a span has two labels, or a label has no group.
        ValueError: ``seen`` without ``words``.
    """
    gold, predicted = list(gold), list(predicted)
    _same_length(gold, predicted, "predicted sentences")
    if words is None and gold and all(isinstance(row, Sentence) for row in gold):
        words = [row.words for row in gold if isinstance(row, Sentence)]
    truth = spans_from_entities(_entities(gold, "got no labels; expected gold entities"), "gold")
    guess = spans_from_entities(_entities(predicted, "got no answer; expected predicted entities"), "predicted")
    if words is not None:
        _same_length(gold, words, "lists of words")
        lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
        for what, spans in (("gold", truth), ("predicted", guess)):
            if (bad := np.flatnonzero(spans.end > lengths[spans.sentence])).size:
                i, end = spans.sentence[bad[0]], spans.end[bad[0]]
                raise DataError(
                    f"sentence {i + 1}: got a {what} entity that ends at word {end}; expected at most {lengths[i]}, "
                    "the number of words"
                )
    scores = _score(truth, guess, groups, words, seen)
    return scores if words is None else replace(scores, words=int(lengths.sum()))


def _entities(rows: Sequence[Row], fault: str) -> list[Sequence[Entity]]:
    lists: list[Any] = [row if isinstance(row, list | tuple) else getattr(row, "entities", row) for row in rows]
    if (missing := next((i for i, entities in enumerate(lists) if entities is None), None)) is not None:
        line = getattr(rows[missing], "line", 0)
        raise DataError(f"sentence {missing + 1}{f' (line {line})' if line else ''}: {fault}")
    return lists


def score_tags(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    *,
    groups: Mapping[str, str] | None = None,
    words: Sequence[Sequence[str]] | None = None,
    seen: Collection[str] | None = None,
) -> Scores:
    """``score`` from IOB2 tags: gold is read strictly, predictions are repaired by conlleval's rule and counted.

    Raises:
        DataError: as ``score``; and for a sentence with different numbers of tags, or an invalid gold tag.
    """
    for what, other in (("predicted tags", predicted), ("words", gold if words is None else words)):
        _same_length(gold, other, f"sentences of {what}")
        for i, (tags, rest) in enumerate(zip(gold, other, strict=True)):
            if len(tags) != len(rest):
                raise DataError(f"sentence {i + 1}: got {len(rest)} {what} for {len(tags)} gold tags; expected as many")
    truth, _ = spans_from_tags(gold, strict=True)
    guess, repaired = spans_from_tags(predicted, strict=False)
    scores = _score(truth, guess, groups, words, seen)
    return replace(scores, words=sum(map(len, gold)), repaired=repaired)


def score_sentences(
    sentences: Sequence[Sentence],
    predicted: Iterable[Row],
    *,
    groups: Mapping[str, str] | None = None,
    seen: Collection[str] | None = None,
) -> Scores:
    """``score`` for gold sentences, of which there may be none."""
    return score(sentences, predicted, groups=groups, words=[sentence.words for sentence in sentences], seen=seen)


def _same_length(gold: Sequence[Any], other: Sequence[Any], what: str) -> None:
    if len(gold) != len(other):
        raise DataError(f"got {len(other)} {what} for {len(gold)} gold sentences; expected as many")


def _score(
    gold: Spans,
    predicted: Spans,
    groups: Mapping[str, str] | None,
    words: Sequence[Sequence[str]] | None,
    seen: Collection[str] | None,
) -> Scores:
    names = tuple(sorted({*gold.names, *predicted.names}))
    place = {name: index for index, name in enumerate(names)}
    gold_label, predicted_label = _renumber(gold, place), _renumber(predicted, place)
    match = _match(gold, predicted)
    fine = _level(names, gold_label, predicted_label, match)
    coarse = fine
    if groups is not None:
        if unknown := [name for name in names if name not in groups]:
            raise DataError(f"got label {unknown[0]!r}; expected one of the taxonomy: {', '.join(groups)}")
        coarse_names = tuple(sorted({groups[name] for name in names}))
        table = np.array([coarse_names.index(groups[name]) for name in names], dtype=np.int64)
        coarse = _level(coarse_names, table[gold_label], table[predicted_label], match)
    span = Result.of(tp=len(match.in_gold), support=len(gold), predicted=len(predicted))
    recalls: tuple[Recall | None, Recall | None] = (None, None)
    if seen is not None:
        if words is None:
            raise ValueError("got seen without words; expected the words of each sentence too")
        hit = np.zeros(len(gold), dtype=bool)
        hit[match.in_gold] = gold_label[match.in_gold] == predicted_label[match.in_predicted]
        recalls = _recalls(gold, hit, words, seen)
    return Scores(
        fine=fine, coarse=coarse, span=span, seen=recalls[0], unseen=recalls[1], sentences=gold.sentences, words=None
    )


def _renumber(spans: Spans, place: Mapping[str, int]) -> Ints:
    table = np.array([place[name] for name in spans.names], dtype=np.int64)
    return table[spans.label] if len(spans) else spans.label


@dataclass(frozen=True, eq=False)
class _Match:
    """The spans that both have: number ``in_gold[k]`` of ``gold`` is number ``in_predicted[k]`` of ``predicted``."""

    gold: Spans
    predicted: Spans
    in_gold: Ints
    in_predicted: Ints


def _match(gold: Spans, predicted: Spans) -> _Match:
    width = 1 + max(int(gold.end.max(initial=0)), int(predicted.end.max(initial=0)))
    longest = 1 + max(int((s.end - s.start).max(initial=0)) for s in (gold, predicted))
    here, there = ((s.sentence * width + s.start) * longest + (s.end - s.start) for s in (gold, predicted))
    _, in_gold, in_predicted = np.intersect1d(here, there, assume_unique=True, return_indices=True)
    return _Match(gold, predicted, in_gold, in_predicted)


def _level(names: tuple[str, ...], gold_label: Ints, predicted_label: Ints, match: _Match) -> Level:
    size = len(names)
    same_gold, same_predicted = gold_label[match.in_gold], predicted_label[match.in_predicted]
    pairs = np.bincount(same_gold * size + same_predicted, minlength=size * size).reshape(size, size)
    support, predicted = np.bincount(gold_label, minlength=size), np.bincount(predicted_label, minlength=size)
    hits = match.in_gold[same_gold == same_predicted]
    tp = np.diagonal(pairs)
    classes = {
        name: Result.of(tp=int(tp[i]), support=int(support[i]), predicted=int(predicted[i]))
        for i, name in enumerate(names)
    }
    whole = Result.of(tp=int(tp.sum()), support=len(gold_label), predicted=len(predicted_label))
    in_gold = [result.f1 for result in classes.values() if result.support]
    gold_keys = match.gold.sentence * size + gold_label
    predicted_keys = match.predicted.sentence * size + predicted_label
    return Level(
        precision=whole.precision,
        recall=whole.recall,
        micro_f1=whole.f1,
        macro_f1=sum(in_gold) / len(in_gold) if in_gold else 0.0,
        macro_classes=len(in_gold),
        classes=classes,
        counts=Counts.of(names, match.gold.sentences, gold=gold_keys, predicted=predicted_keys, hits=gold_keys[hits]),
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

    def recall(chosen: npt.NDArray[np.bool_]) -> Recall:
        support, tp = int(chosen.sum()), int(hit[chosen].sum())
        return Recall(tp / support if support else 0.0, support, tp)

    return recall(known), recall(~known)
