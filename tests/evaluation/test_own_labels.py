"""Scores of sources with different labels, against scores of each source alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.types import Entity, Sentence
from coner.evaluation.own_labels import dev_f1, is_own, scores_by_source
from coner.evaluation.score import score

SOURCES = (frozenset("AB"), frozenset("BC"))
LABELS = st.sampled_from("ABC")


@st.composite
def rows(draw: st.DrawFn) -> tuple[Sentence, list[Entity]]:
    own = draw(st.sampled_from(SOURCES))
    gold = [Entity(i, i + 1, draw(st.sampled_from(sorted(own)))) for i in range(4) if draw(st.booleans())]
    predicted = [Entity(i, i + 1, draw(LABELS)) for i in range(4) if draw(st.booleans())]
    return Sentence(("a", "b", "c", "d"), tuple(gold), annotated=own), predicted


@given(st.lists(rows(), min_size=1, max_size=8))
def test_each_source_is_scored_on_its_own_labels(pairs: list[tuple[Sentence, list[Entity]]]) -> None:
    gold, predicted = [sentence for sentence, _ in pairs], [entities for _, entities in pairs]
    found, ignored, macros = scores_by_source(gold, predicted), 0, []
    for labels in SOURCES:
        some = [(s, [e for e in entities if e.label in labels]) for s, entities in pairs if s.annotated == labels]
        if not some:
            continue
        alone = score([s for s, _ in some], [entities for _, entities in some]).fine
        [same] = [own for own in found if own.labels == tuple(sorted(labels))]
        assert (same.micro_f1, same.macro_f1, same.sentences) == (alone.micro_f1, alone.macro_f1, len(some))
        macros.append(alone.macro_f1)
        ignored += same.ignored
    assert ignored == sum(not is_own(s, e) for s, entities in pairs for e in entities)
    assert dev_f1(gold, predicted)["macro_f1"] == pytest.approx(sum(macros) / len(macros))
    scores = replace(score(gold, predicted), own=tuple(found))
    assert scores.deciding_f1 == pytest.approx(sum(macros) / len(macros))


@given(st.lists(rows(), min_size=1, max_size=6))
def test_without_sources_all_predictions_count(pairs: list[tuple[Sentence, list[Entity]]]) -> None:
    gold = [replace(sentence, annotated=None) for sentence, _ in pairs]
    predicted = [entities for _, entities in pairs]
    whole = score(gold, predicted).fine
    assert dev_f1(gold, predicted) == {"micro_f1": whole.micro_f1, "macro_f1": whole.macro_f1}
    assert scores_by_source(gold, predicted) == []
    assert score(gold, predicted).deciding_f1 == whole.macro_f1
