"""Thresholds against every threshold tried one by one, with the scores of the project's scorer."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.errors import ConfigError
from coner.core.types import Entity
from coner.evaluation.operating import assign_folds, choose_thresholds, hold_out
from coner.evaluation.score import score
from coner.evaluation.thresholds import Candidates, Curve, Goal, Thresholds, Unreachable

LABELS = "AB"
Rows = list[list[Entity]]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[Rows, Rows]:
    """Gold and predictions of some sentences; a prediction may be of a class that gold lacks."""
    gold, predicted = Rows(), Rows()
    for _ in range(draw(st.integers(1, 6))):
        pairs = draw(st.lists(st.tuples(st.sampled_from("AB-"), st.sampled_from("AB-")), max_size=4))
        grid = st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9])
        gold.append([Entity(i, i + 1, label) for i, (label, _) in enumerate(pairs) if label != "-"])
        predicted.append([Entity(i, i + 1, label, draw(grid)) for i, (_, label) in enumerate(pairs) if label != "-"])
    return gold, predicted


def after(gold: Rows, predicted: Rows, limits: dict[str, float]) -> tuple[float, float, float, float, int]:
    """Precision, recall, micro F1 and macro F1 of what is not below the threshold of its class, and its number."""
    kept = [[e for e in row if e.score >= limits[e.label]] for row in predicted]
    fine = score(gold, kept).fine
    return fine.precision, fine.recall, fine.micro_f1, fine.macro_f1, sum(map(len, kept))


QUANTITIES = {"precision": 0, "recall": 1, "micro_f1": 2, "macro_f1": 3}
TRIED = [0.0, 0.2, 0.4, 0.6, 0.8]


@given(corpora(), st.sampled_from(["precision", "recall"]), st.sampled_from([0.25, 0.5, 0.75, 1.0]), st.integers(1, 3))
def test_a_bound_is_reached_with_the_best_of_the_other_value(
    corpus: tuple[Rows, Rows], quantity: str, target: float, minimum: int
) -> None:
    gold, predicted = corpus
    own, other = QUANTITIES[quantity], 1 - QUANTITIES[quantity]
    tried = [found for t in TRIED if (found := after(gold, predicted, dict.fromkeys(LABELS, t)))[4]]
    allowed = [f for f in tried if f[own] >= target and (quantity == "recall" or f[4] >= minimum)]
    goal = Goal.parse(f"{quantity}>={target}")
    if not allowed:
        with pytest.raises(Unreachable, match="cannot be reached"):
            choose_thresholds(Candidates.of(gold, predicted), goal, per_class=False, minimum=minimum)
        return
    chosen = choose_thresholds(Candidates.of(gold, predicted), goal, per_class=False, minimum=minimum)
    found = after(gold, predicted, dict.fromkeys(LABELS, chosen.all))
    assert found[own] >= target
    assert found[other] == max(f[other] for f in allowed)


@given(corpora(), st.sampled_from(["micro_f1", "macro_f1"]))
def test_f1_is_the_highest_of_all_thresholds(corpus: tuple[Rows, Rows], quantity: str) -> None:
    gold, predicted = corpus
    chosen = choose_thresholds(Candidates.of(gold, predicted), Goal.parse(quantity), per_class=False)
    best = max(after(gold, predicted, dict.fromkeys(LABELS, t))[QUANTITIES[quantity]] for t in TRIED)
    found = after(gold, predicted, dict.fromkeys(LABELS, chosen.all))[QUANTITIES[quantity]]
    assert found == pytest.approx(best)


@settings(max_examples=60)
@given(corpora(), st.sampled_from(["micro_f1", "macro_f1"]))
def test_f1_by_class_is_the_highest_of_all_combinations(corpus: tuple[Rows, Rows], quantity: str) -> None:
    gold, predicted = corpus
    chosen = choose_thresholds(Candidates.of(gold, predicted), Goal.parse(quantity), per_class=True, minimum=1)
    limits = {label: chosen.by_label.get(label, chosen.all) for label in LABELS}
    highest = max((e.score for row in predicted for e in row), default=0.0)
    tried = [t for t in TRIED if t <= highest]  # as for one threshold, which keeps at least one prediction
    free = [tried if label in chosen.by_label else [chosen.all] for label in LABELS]
    at = QUANTITIES[quantity]
    best = max(after(gold, predicted, dict(zip(LABELS, each, strict=True)))[at] for each in product(*free))
    assert after(gold, predicted, limits)[at] == pytest.approx(best)


@given(corpora())
def test_values_of_the_curve_are_those_of_the_scorer(corpus: tuple[Rows, Rows]) -> None:
    gold, predicted = corpus
    curve = Curve.of(Candidates.of(gold, predicted))
    for index, threshold in enumerate(curve.thresholds.tolist()):
        expected = after(gold, predicted, dict.fromkeys(LABELS, threshold))
        found = [curve.value(quantity)[index] for quantity in ("precision", "recall", "micro_f1", "macro_f1")]
        assert found == pytest.approx(expected[:4])
        assert curve.kept[index].sum() == expected[4]


def row(label: str, hits: int, misses: int, confidence: float) -> tuple[list[Entity], list[Entity]]:
    gold = [Entity(i, i + 1, label) for i in range(hits)]
    return gold, [Entity(i, i + 1, label, confidence) for i in range(hits + misses)]


def test_by_class_each_class_reaches_the_goal_and_a_rare_one_has_the_threshold_of_all() -> None:
    rows = [row("A", 9, 1, 0.9), row("A", 2, 8, 0.4), row("B", 9, 1, 0.7), row("B", 0, 9, 0.6), row("C", 2, 0, 0.8)]
    gold, predicted = zip(*rows, strict=True)
    chosen = choose_thresholds(Candidates.of(gold, predicted), Goal.parse("precision>=0.9"), per_class=True, minimum=9)
    assert 0.4 < chosen.by_label["A"] <= 0.9
    assert 0.6 < chosen.by_label["B"] <= 0.7
    assert (set(chosen.by_label), chosen.rare) == ({"A", "B"}, ("C",))
    assert chosen.all == pytest.approx(0.65)  # keeps 22 predictions, of which 20 are correct


def test_a_class_that_cannot_reach_the_goal_is_named_with_its_best() -> None:
    gold, predicted = zip(row("A", 20, 0, 0.9), row("B", 20, 10, 0.9), strict=True)
    with pytest.raises(Unreachable, match=r"by 1 of 2 classes: B at most 0\.6667, at threshold 0, which keeps 30"):
        choose_thresholds(Candidates.of(gold, predicted), Goal.parse("precision>=0.7"), per_class=True)


def test_a_precision_on_fewer_predictions_than_the_minimum_does_not_count() -> None:
    gold, predicted = zip(row("A", 19, 0, 0.9), row("A", 1, 10, 0.5), strict=True)
    candidates, goal = Candidates.of(gold, predicted), Goal.parse("precision>=0.9")
    with pytest.raises(Unreachable, match=r"at most 0\.6667"):
        choose_thresholds(candidates, goal, per_class=False)
    assert choose_thresholds(candidates, goal, per_class=False, minimum=19) == Thresholds(0.7)
    with pytest.raises(Unreachable, match="got 30 predictions; expected at least 31"):
        choose_thresholds(candidates, goal, per_class=False, minimum=31)


def test_neighbouring_floats_can_be_told_apart() -> None:
    low, high = 0.5, float(np.nextafter(0.5, 1))
    gold = [[Entity(0, 1, "A")]]
    predicted = [[Entity(0, 1, "A", high), Entity(1, 2, "A", low)]]
    chosen = choose_thresholds(Candidates.of(gold, predicted), Goal.parse("precision>=1"), per_class=False, minimum=1)
    assert low < chosen.all <= high


@pytest.mark.parametrize(
    ("text", "quantity", "target"),
    [
        ("precision>=0.9", "precision", 0.9),
        (" recall >= .8 ", "recall", 0.8),
        ("precision>=1", "precision", 1.0),
        ("macro_f1", "macro_f1", None),
        ("micro_f1", "micro_f1", None),
    ],
)
def test_goals(text: str, quantity: str, target: float | None) -> None:
    goal = Goal.parse(text)
    assert (goal.quantity, goal.target) == (quantity, target)
    assert Goal.parse(str(goal)) == goal


@pytest.mark.parametrize(
    "text",
    [
        *("", "f1", "precision", "precision>0.9", "precision>=0", "precision>=1.01", "precision>=90%", "recall<=0.1"),
        *("macro_f1>=0.5", "precision>=nan", "precision>=-0.1", "precision>=0.9; import os", "precision>=0.9\n0.8"),
        *("precision>=1e0", "precision>=٠.٩", "__import__('os')", "précision>=0.9", "precision>=."),
    ],
)
def test_other_goals_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--for: got .*; expected precision>=X or recall>=X") as error:
        Goal.parse(text)
    assert "\n" not in str(error.value)


@given(st.lists(st.sampled_from("abcdef"), min_size=1), st.integers(2, 5), st.integers(0, 3))
def test_equal_texts_are_in_one_fold_and_folds_are_even(texts: list[str], folds: int, seed: int) -> None:
    found = assign_folds(texts, folds, seed)
    assert len({*zip(texts, found.tolist(), strict=True)}) == len({*texts})
    sizes = np.bincount([found[texts.index(text)] for text in {*texts}], minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(found, assign_folds(texts, folds, seed))


def test_what_is_held_out_is_not_seen_by_calibration_and_choice() -> None:
    rows = [row("A", 3, 1, 0.1 * (1 + i)) for i in range(9)]
    gold, predicted = zip(*rows, strict=True)
    candidates, folds = Candidates.of(gold, predicted), np.arange(9) % 3
    seen: list[tuple[set[int], int]] = []

    def calibrate(rest: Candidates, own: object) -> None:
        assert np.array_equal(own, folds[rest.predicted[0]])
        seen.append(({*rest.predicted[0].tolist()}, rest.gold.shape[1]))

    def choose(rest: Candidates) -> Thresholds:
        if 0 not in rest.predicted[0]:
            raise Unreachable("too little")
        return Thresholds(0.5)

    found = hold_out(candidates, folds, calibrate, choose)
    assert seen == [({*range(9)} - {*range(fold, 9, 3)}, 18) for fold in range(3)]
    assert (found.folds, found.unreachable) == (3, 1)
    kept = {int(sentence) for sentence in candidates.predicted[0][found.kept]}
    assert kept == {0, 3, 6} | {sentence for sentence in range(9) if 0.1 * (1 + sentence) >= 0.5}
