"""The table of metrics: each entry reads a value of the scorer, and computes the same value from counts."""

from __future__ import annotations

import pytest

from coner.core.types import Entity
from coner.evaluation.metrics import METRICS, shown_in
from coner.evaluation.score import score

GOLD = [(Entity(0, 1, "A"), Entity(2, 3, "B")), (Entity(0, 1, "A"),), (Entity(1, 2, "C"),), ()]
PREDICTED = [(Entity(0, 1, "A"), Entity(2, 4, "B")), (Entity(0, 1, "B"),), (Entity(1, 2, "C"),), (Entity(0, 1, "A"),)]
GROUPS = {"A": "X", "B": "X", "C": "Y"}
WORDS = [["a", "b", "c", "d"], ["e"], ["f", "g"], ["h"]]
SCORES = score(GOLD, PREDICTED, groups=GROUPS, words=WORDS, seen={"a", "g"})


def test_names_are_unique_and_values_are_those_of_the_scorer() -> None:
    values = {metric.name: metric.read(SCORES) for metric in METRICS}
    assert len(values) == len(METRICS)
    assert values["micro_f1"] == SCORES.fine.micro_f1
    assert values["coarse_macro_f1"] == SCORES.coarse.macro_f1
    assert (values["seen_recall"], values["unseen_recall"]) == (1, 0)
    assert score(GOLD, PREDICTED).seen is None
    assert {metric.read(score(GOLD, PREDICTED)) for metric in METRICS if "seen" in metric.name} == {None}


@pytest.mark.parametrize("metric", [metric for metric in METRICS if metric.from_counts], ids=lambda metric: metric.name)
def test_value_from_counts_is_the_value_of_the_scorer(metric: object) -> None:
    level, function = metric.from_counts  # type: ignore[attr-defined]
    spans = score(GOLD, PREDICTED, groups=dict.fromkeys("ABC", "span")).coarse
    counts = {"fine": SCORES.fine.counts, "coarse": SCORES.coarse.counts, "span": spans.counts}[level]
    assert function(counts.dense().sum(axis=0)) == pytest.approx(metric.read(SCORES))  # type: ignore[attr-defined]


def test_each_place_has_its_titles() -> None:
    assert [*shown_in("compare")][:5] == ["micro F1", "macro F1", "coarse macro", "span F1", "unseen recall"]
    assert [*shown_in("evaluate")][:6] == ["micro F1", "macro F1", "coarse", "span F1", "seen", "unseen"]
    assert [*shown_in("ablation")][:3] == ["micro F1", "macro F1", "span F1"]
