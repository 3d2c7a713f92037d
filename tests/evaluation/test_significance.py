"""Bootstrap intervals and paired tests against enumeration, real resampling and known probabilities."""

from __future__ import annotations

import itertools
import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.evaluation.counts import Counts
from coner.evaluation.metrics import macro_f1, micro_f1
from coner.evaluation.results import Level
from coner.evaluation.score import score_tags
from coner.evaluation.significance import SIGNIFICANT, difference, holm, intervals, same_gold, swaps_for
from helpers.corpora import Corpus

approx = pytest.approx
LABELS = ("A", "B", "C")


def corpus(
    sentences: int, *, right: float, seed: int, gold_seed: int = 0, labels: tuple[str, ...] = LABELS
) -> tuple[Corpus, Corpus]:
    """Gold, and predictions that are correct with that probability, else of a random label or missing."""
    gold_rng, rng = random.Random(gold_seed), random.Random(seed)
    gold = [
        gold_rng.choices(["O", *("B-" + label for label in labels)], k=gold_rng.randrange(5)) for _ in range(sentences)
    ]
    wrong = ["O", *("B-" + label for label in labels)]
    return gold, [[tag if rng.random() < right else rng.choice(wrong) for tag in tags] for tags in gold]


def level(pair: tuple[Corpus, Corpus]) -> Level:
    return score_tags(*pair).fine


class TestIntervals:
    def test_values_equal_the_scores(self) -> None:
        scores = level(corpus(40, right=0.5, seed=1))
        values = intervals(scores.counts, resamples=5)
        assert (values["micro_f1"].value, values["macro_f1"].value) == approx((scores.micro_f1, scores.macro_f1))

    def test_equal_the_percentiles_of_resampled_and_rescored_corpora(self) -> None:
        gold, predicted = corpus(12, right=0.5, seed=2)  # so few that some draws lack a class
        drawn = []
        for chosen in np.random.default_rng(7).integers(12, size=(60, 12)):
            again = level(([gold[i] for i in chosen], [predicted[i] for i in chosen]))
            drawn.append((again.micro_f1, again.macro_f1))
        found = intervals(level((gold, predicted)).counts, resamples=60, level=0.9, seed=7)
        for index, name in enumerate(("micro_f1", "macro_f1")):
            low, high = np.quantile([numbers[index] for numbers in drawn], [0.05, 0.95])
            assert (found[name].low, found[name].high) == approx((low, high))

    def test_coverage_is_about_95_percent(self) -> None:
        rng, inside, trials = np.random.default_rng(3), 0, 300
        for trial in range(trials):  # one mention a sentence, predicted with probability 0.7: the true F1 is 0.7
            hit = rng.random(80) < 0.7
            zeros, ones = np.zeros(80, dtype=np.int64), np.ones(80, dtype=np.int64)
            tp, miss = np.where(hit, ones, zeros), np.where(hit, zeros, ones)
            counts = Counts(("A",), 80, np.stack([np.arange(80), zeros, tp, miss, miss]))
            found = intervals(counts, resamples=300, seed=trial)["micro_f1"]
            inside += found.low <= 0.7 <= found.high
        assert 0.91 <= inside / trials <= 0.985

    def test_intervals_are_reproducible_and_zero_without_sentences(self) -> None:
        counts = level(corpus(30, right=0.5, seed=1)).counts
        assert intervals(counts, seed=5) == intervals(counts, seed=5) != intervals(counts, seed=6)
        for empty in (level(([], [])), level(([[]], [[]]))):
            assert {(i.value, i.low, i.high) for i in intervals(empty.counts, resamples=9).values()} == {
                (0.0, 0.0, 0.0)
            }

    def test_a_thousand_resamples_of_a_real_test_set_take_under_two_seconds(self) -> None:
        labels = tuple(f"L{i}" for i in range(33))
        counts = level(corpus(1700, right=0.6, seed=1, labels=labels)).counts
        began = time.process_time()
        intervals(counts)
        assert time.process_time() - began < 2


class TestDifference:
    def test_identical_runs_do_not_differ(self) -> None:
        counts = level(corpus(50, right=0.5, seed=1)).counts
        found = difference([counts], [counts])
        assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)

    def test_a_clear_winner(self) -> None:
        bad, good = (level(corpus(200, right=right, seed=1)) for right in (0.4, 0.8))
        for metric, gain in ((micro_f1, good.micro_f1 - bad.micro_f1), (macro_f1, good.macro_f1 - bad.macro_f1)):
            found = difference([bad.counts], [good.counts], metric)
            assert found.value == approx(gain)
            assert 0 < found.low < found.value < found.high
            assert found.p == approx(1 / 1001)

    def test_swapping_the_runs_flips_the_sign(self) -> None:
        one, two = (level(corpus(60, right=0.6, seed=seed)).counts for seed in (1, 2))
        there, back = difference([one], [two]), difference([two], [one])
        assert (there.value, there.low, there.high, there.p) == approx((-back.value, -back.high, -back.low, back.p))

    def test_interval_equals_that_of_resampled_and_rescored_corpora(self) -> None:
        (gold, one), (_, two) = (corpus(15, right=0.5, seed=seed) for seed in (1, 2))
        drawn = []
        for chosen in np.random.default_rng(4).integers(15, size=(50, 15)):
            truth, *sides = ([side[i] for i in chosen] for side in (gold, one, two))
            first, second = (level((truth, side)).macro_f1 for side in sides)
            drawn.append(second - first)
        found = difference([level((gold, one)).counts], [level((gold, two)).counts], resamples=50, seed=4)
        assert (found.low, found.high) == approx(tuple(np.quantile(drawn, [0.025, 0.975])))

    @pytest.mark.parametrize("seed", range(4))
    def test_p_is_close_to_the_exact_permutation_test(self, seed: int) -> None:
        gold = [["B-A", "B-B"], ["B-B"], ["B-C", "O"], ["B-A"], ["B-A", "B-C"], ["O", "B-B"], ["B-C"]]
        rng = random.Random(seed)
        one, two = ([[t if rng.random() < r else "B-A" for t in tags] for tags in gold] for r in (0.9, 0.3))
        first, second = level((gold, one)), level((gold, two))
        apart = []
        for swaps in itertools.product([False, True], repeat=len(gold)):
            left, right = (
                [b if swap else a for a, b, swap in zip(*sides, swaps, strict=True)]
                for sides in ((one, two), (two, one))
            )
            apart.append(abs(level((gold, right)).macro_f1 - level((gold, left)).macro_f1))
        exact = np.mean(np.array(apart) >= abs(second.macro_f1 - first.macro_f1) - 1e-12)
        assert difference([first.counts], [second.counts], resamples=4000).p == approx(exact, abs=0.035)

    def test_false_positive_rate_is_about_5_percent(self) -> None:
        rejected, trials = 0, 200
        for trial in range(trials):
            one, two = (level(corpus(40, right=0.6, seed=2 * trial + side, gold_seed=trial)).counts for side in (0, 1))
            rejected += difference([one], [two], micro_f1, resamples=199, seed=trial).p <= 0.05
        assert 0.005 <= rejected / trials <= 0.1

    def test_runs_on_different_gold_cannot_be_paired(self) -> None:
        one, two = (level(corpus(20, right=0.5, seed=1, gold_seed=gold)).counts for gold in (1, 2))
        assert same_gold(one, one) and not same_gold(one, two)
        with pytest.raises(ValueError, match="can be paired"):
            difference([one], [two])

    def test_a_class_that_only_one_run_predicts(self) -> None:
        gold = [["B-B", "O"]] * 3
        one, two = level((gold, gold)), level((gold, [["B-B", "B-A"]] * 3))
        assert difference([one.counts], [two.counts], micro_f1).value == approx(two.micro_f1 - 1)
        assert difference([one.counts], [two.counts], macro_f1).value == 0


class TestSeveralSeeds:
    def test_the_value_is_the_difference_of_the_means(self) -> None:
        first, second = ([level(corpus(30, right=right, seed=10 * s)) for s in (1, 2, 3)] for right in (0.5, 0.7))
        found = difference(*([run.counts for run in side] for side in (first, second)))
        means = [np.mean([run.macro_f1 for run in side]) for side in (first, second)]
        assert found.value == approx(means[1] - means[0])
        assert found.low < found.value < found.high

    def test_identical_runs_give_the_interval_of_one(self) -> None:
        one, two = (level(corpus(30, right=right, seed=1)).counts for right in (0.5, 0.7))
        alone, thrice = difference([one], [two]), difference([one] * 3, [two] * 3)
        for name in ("value", "low", "high", "p"):
            assert getattr(thrice, name) == approx(getattr(alone, name))

    def test_p_of_several_runs_is_close_to_the_exact_permutation_test(self) -> None:
        gold = [["B-A", "B-B"], ["B-B"], ["B-C", "O"], ["B-A"], ["B-A", "B-C"], ["O", "B-B"], ["B-C"]]
        rng = random.Random(8)
        sides = [
            [[[t if rng.random() < right else "B-A" for t in tags] for tags in gold] for _ in range(2)]
            for right in (0.9, 0.5)
        ]
        apart = []
        for swaps in itertools.product([False, True], repeat=len(gold)):
            means = []
            for here, there in (sides, sides[::-1]):
                runs = [
                    [b if swap else a for a, b, swap in zip(*pair, swaps, strict=True)]
                    for pair in zip(here, there, strict=True)
                ]
                means.append(np.mean([level((gold, run)).macro_f1 for run in runs]))
            apart.append(abs(means[1] - means[0]))
        counts = [[level((gold, run)).counts for run in side] for side in sides]
        exact = np.mean(np.array(apart) >= apart[0] - 1e-12)
        assert difference(*counts, resamples=4000).p == approx(exact, abs=0.035)

    def test_variance_between_seeds_is_not_reported_as_significant(self) -> None:
        """Both sides have the same random quality. p ignores variance between seeds: alone, it rejects too often."""
        rng, trials = np.random.default_rng(5), 150
        by_p = by_both = 0
        for trial in range(trials):
            right = np.clip(rng.normal(0.6, 0.08, size=(2, 3)), 0.05, 0.95)
            sides = [
                [
                    level(corpus(60, right=r, seed=100 * trial + 10 * i + j, gold_seed=trial)).counts
                    for j, r in enumerate(row)
                ]
                for i, row in enumerate(right)
            ]
            found = difference(*sides, micro_f1, resamples=199, seed=trial)
            by_p += found.p <= 0.05
            by_both += found.significant
        assert by_both / trials <= 0.15 < by_p / trials

    def test_different_numbers_of_runs_are_refused(self) -> None:
        counts = level(corpus(5, right=0.5, seed=1)).counts
        with pytest.raises(ValueError, match="got 2 and 1 runs"):
            difference([counts] * 2, [counts])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_of_bonferroni(ps: list[float]) -> None:
    """A hypothesis is rejected where Bonferroni's test rejects every set of hypotheses that contains it."""
    every = [some for size in range(1, len(ps) + 1) for some in itertools.combinations(range(len(ps)), size)]
    oracle = [
        max(min(1, len(some) * min(ps[i] for i in some)) for some in every if at in some) for at in range(len(ps))
    ]
    assert holm(ps) == approx(oracle)


@pytest.mark.parametrize("comparisons", [1, 25, 60, 200])
def test_the_smallest_p_survives_the_correction_for_any_number_of_comparisons(comparisons: int) -> None:
    sentences, none = np.arange(40), np.zeros(40, np.int64)
    right, wrong = (Counts(("X",), 40, np.stack([sentences, none, tp, none, 1 - tp])) for tp in (none + 1, none))
    found = difference([wrong], [right], resamples=10, swaps=swaps_for(comparisons))
    assert holm([found.p] * comparisons)[0] <= SIGNIFICANT
