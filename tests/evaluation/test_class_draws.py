"""F1 by class on resampled sentences: the intervals of single classes, and of their paired differences, must agree."""

from __future__ import annotations

import numpy as np
import pytest

from coner.core.types import Entity
from coner.evaluation.score import score
from coner.evaluation.significance import Floats, class_f1_draws, difference, intervals, micro_f1

GOLD = [(Entity(0, 1, "A"), Entity(2, 3, "B")), (Entity(0, 1, "A"),), (Entity(1, 2, "B"),), ()] * 5
ONE = [(Entity(0, 1, "A"),), (Entity(0, 1, "B"),), (Entity(1, 2, "B"),), (Entity(0, 1, "A"),)] * 5
TWO = [(Entity(0, 1, "B"), Entity(2, 3, "B")), (Entity(0, 1, "A"),), (), ()] * 5
LABELS = ("B", "C", "A")  # another order than the counts have, and a class that does not occur


@pytest.mark.parametrize("label", ["A", "B"])
def test_each_class_has_the_draws_of_its_own_metric(label: str) -> None:
    one, two = (score(GOLD, found).fine.counts for found in (ONE, TWO))
    at = one.labels.index(label)

    def metric(totals: Floats) -> Floats:
        return micro_f1(totals[..., at : at + 1, :])

    draws = [class_f1_draws(counts, LABELS, resamples=200)[:, LABELS.index(label)] for counts in (one, two)]
    expected = intervals(one, {"f1": metric}, resamples=200)["f1"]
    assert np.quantile(draws[0], (0.025, 0.975)) == pytest.approx((expected.low, expected.high))
    paired = difference([one], [two], metric, resamples=200)
    assert np.quantile(draws[1] - draws[0], (0.025, 0.975)) == pytest.approx((paired.low, paired.high))


def test_a_class_that_does_not_occur_has_nothing() -> None:
    assert not class_f1_draws(score(GOLD, ONE).fine.counts, LABELS, resamples=9)[:, 1].any()
