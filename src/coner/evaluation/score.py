"""Entity-level scores: a prediction is correct where exactly its span with exactly its label is in gold.

Precision, recall and F1 are fractions of 1, and 0 where there is nothing to divide by. Macro F1 is the mean over the
classes that occur in gold (seqeval averages over the union with the predicted classes, which is the same if each
predicted class occurs in gold); predictions of other classes count against micro F1 only. A mention is *seen* where
its words, lower-cased, are a mention of any label in training.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.evaluation.counts import Counts, Ints
from coner.evaluation.results import Level, Recall, Result, Scores
from coner.evaluation.spans import SpanArrays, spans_from_entities, spans_from_tags


class Labelled(Protocol):
    """A ``Sentence``, a ``Prediction``, or another object with entities."""

    @property
    def entities(self) -> Sequence[Entity] | None:
        """``None`` if a sentence has no labels, or a prediction no answer."""


Row = Labelled | Sequence[Entity]
OTHER_SCHEMES = re.compile("[ESLUMW]-.+|[BIESLUMW]_.+|[biesluw][-_].+|o")
SENTENCES, TAGS = "a Sentence, a Prediction or a list of entities", "a list of tags, such as B-City"


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
        words: of each sentence, by default those of gold sentences; needed for ``seen``.
        seen: the mentions of the training data, see ``types.surfaces``.

    Raises:
        DataError: the numbers of sentences differ, a sentence has no labels or no answer, an entity lies outside its
            sentence, a span has two labels, or a label has no group.
        ValueError: ``seen`` without ``words``.
    """
    gold, predicted = _rows("gold", gold), _rows("predicted", predicted)
    _same_length(gold, predicted, "predicted sentences")
    if words is None:
        own = [row.words for row in gold if isinstance(row, Sentence)]
        words = own if len(own) == len(gold) else None
    gold_spans = spans_from_entities(_entities("gold", gold, "got no labels"), "gold")
    predicted_spans = spans_from_entities(_entities("predicted", predicted, "got no answer"), "predicted")
    if words is not None:
        _same_length(gold, words, "lists of words")
        lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
        for what, spans in (("gold", gold_spans), ("predicted", predicted_spans)):
            if (bad := np.flatnonzero(spans.end > lengths[spans.sentence])).size:
                i, end = spans.sentence[bad[0]], spans.end[bad[0]]
                maximum = f"{lengths[i]}, the number of words"
                raise DataError(
                    f"sentence {i + 1}: got a {what} entity that ends at word {end}; expected at most {maximum}"
                )
    scores = _score(gold_spans, predicted_spans, groups, words, seen)
    return scores if words is None else replace(scores, words=int(lengths.sum()))


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
        DataError: as ``score``; and for a sentence with different numbers of tags, an invalid gold tag, or predicted
            tags of another scheme or spelling, which would be scored near 0.
    """
    gold, predicted = _rows("gold", gold, TAGS), _rows("predicted", predicted, TAGS)
    for what, rows in (("gold", gold), ("predicted", predicted)):
        _check_items(what, rows, str, row=TAGS, item="tags such as B-City")
    for what, other in (("predicted tags", predicted), ("words", gold if words is None else words)):
        _same_length(gold, other, f"sentences of {what}")
        for i, (tags, rest) in enumerate(zip(gold, other, strict=True)):
            if len(tags) != len(rest):
                raise DataError(f"sentence {i + 1}: got {len(rest)} {what} for {len(tags)} gold tags; expected as many")
    if foreign := next((tag for tags in predicted for tag in tags if OTHER_SCHEMES.fullmatch(tag)), None):
        raise DataError(
            f"got predicted tag {foreign!r:.80}; expected IOB2: O, B-<label>, I-<label>. Fix: convert the tags"
        )
    gold_spans, _ = spans_from_tags(gold, strict=True)
    predicted_spans, repaired = spans_from_tags(predicted, strict=False)
    scores = _score(gold_spans, predicted_spans, groups, words, seen)
    return replace(scores, words=sum(map(len, gold)), repaired=repaired)


def _rows(what: str, rows: Iterable[Any], expected: str = SENTENCES) -> list[Any]:
    try:
        return list(rows)
    except TypeError:
        raise DataError(f"{what}: got {rows!r:.80}; expected {expected} for each sentence") from None


def _check_items(what: str, rows: Sequence[Any], item_type: type, *, row: str, item: str) -> None:
    """``DataError`` at the first row that is not a sequence, or item of another type, with what is expected."""
    for i, items in enumerate(rows):
        if isinstance(items, str) or not isinstance(items, Iterable):
            raise DataError(f"{what}[{i}]: got {items!r:.80}; expected {row}")
        if {*map(type, items)} <= {item_type}:
            continue
        for j, value in enumerate(items):
            if not isinstance(value, item_type):
                fix = " Fix: score_tags, of coner.evaluation.score, takes tags" if isinstance(value, str) else ""
                raise DataError(f"{what}[{i}][{j}]: got {value!r:.80}; expected {item}{fix}")


def _entities(what: str, rows: Sequence[Row], fault: str) -> list[Sequence[Entity]]:
    values: list[Any] = [row if isinstance(row, list | tuple) else getattr(row, "entities", row) for row in rows]
    if (missing := next((i for i, entities in enumerate(values) if entities is None), None)) is not None:
        line = getattr(rows[missing], "line", 0)
        place = f"sentence {missing + 1}{f' (line {line})' if line else ''}"
        raise DataError(f"{place}: {fault}; expected {what} entities")
    _check_items(what, values, Entity, row=SENTENCES, item="an Entity.")
    return values


def _same_length(gold: Sequence[Any], other: Sequence[Any], what: str) -> None:
    if len(gold) != len(other):
        raise DataError(f"got {len(other)} {what} for {len(gold)} gold sentences; expected as many")


def _score(
    gold: SpanArrays,
    predicted: SpanArrays,
    groups: Mapping[str, str] | None,
    words: Sequence[Sequence[str]] | None,
    seen: Collection[str] | None,
) -> Scores:
    names = sorted({*gold.names, *predicted.names})
    if groups is not None and (unknown := [name for name in names if name not in groups]):
        raise DataError(f"got label {unknown[0]!r}; expected one of the taxonomy: {', '.join(groups)}")
    match = _match(gold, predicted)
    fine, hits = _level(gold, predicted, match, {name: name for name in names})
    coarse = fine if groups is None else _level(gold, predicted, match, groups)[0]
    span = Result.of(tp=len(match[0]), support=len(gold), predicted=len(predicted))
    scores = Scores(fine=fine, coarse=coarse, span=span, sentences=gold.sentences)
    if seen is None:
        return scores
    if words is None:
        raise ValueError("got seen without words; expected the words of each sentence too")
    places = zip(gold.sentence.tolist(), gold.start.tolist(), gold.end.tolist(), strict=True)
    known = np.array([" ".join(words[i][a:b]).lower() in seen for i, a, b in places], dtype=bool)

    def recall(chosen: npt.NDArray[np.bool_]) -> Recall:
        support, tp = int(chosen.sum()), int(chosen[hits].sum())
        return Recall(tp / support if support else 0.0, support, tp)

    return replace(scores, seen=recall(known), unseen=recall(~known))


def _match(gold: SpanArrays, predicted: SpanArrays) -> tuple[Ints, Ints]:
    """Indices of the spans that both have, in gold and in predicted."""
    width = 1 + max(int(gold.end.max(initial=0)), int(predicted.end.max(initial=0)))
    here, there = ((spans.sentence * width + spans.start) * width + spans.end for spans in (gold, predicted))
    return np.intersect1d(here, there, assume_unique=True, return_indices=True)[1:]


def _level(
    gold: SpanArrays, predicted: SpanArrays, match: tuple[Ints, Ints], groups: Mapping[str, str]
) -> tuple[Level, Ints]:
    """Scores by group of label, and the indices of the gold mentions that were predicted with their group."""
    names = tuple(sorted({groups[name] for name in (*gold.names, *predicted.names)}))
    size, sides = len(names), (gold, predicted)
    tables = [np.array([names.index(groups[name]) for name in side.names], dtype=np.int64) for side in sides]
    labels = [table[side.label] for table, side in zip(tables, sides, strict=True)]
    one, two = (label[places] for label, places in zip(labels, match, strict=True))
    pairs = np.bincount(one * size + two, minlength=size * size).reshape(size, size)
    support, predictions = (np.bincount(label, minlength=size).tolist() for label in labels)
    counts = zip(names, np.diagonal(pairs).tolist(), support, predictions, strict=True)
    classes = {name: Result.of(tp=tp, support=total, predicted=count) for name, tp, total, count in counts}
    whole = Result.of(tp=int(np.trace(pairs)), support=len(gold), predicted=len(predicted))
    in_gold = [result.f1 for result in classes.values() if result.support]
    keys = [side.sentence * size + label for side, label in zip(sides, labels, strict=True)]
    hits = match[0][one == two]
    level = Level(
        precision=whole.precision,
        recall=whole.recall,
        micro_f1=whole.f1,
        macro_f1=sum(in_gold) / len(in_gold) if in_gold else 0.0,
        macro_classes=len(in_gold),
        classes=classes,
        counts=Counts.of(names, gold.sentences, gold=keys[0], predicted=keys[1], hits=keys[0][hits]),
        confusion={
            name: {names[j]: int(row[j]) for j in np.flatnonzero(row)}
            for name, row in zip(names, pairs, strict=True)
            if row.any()
        },
    )
    return level, hits
