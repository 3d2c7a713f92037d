"""F1 by class on resampled sentences gives the intervals of single classes and of their paired differences."""

from __future__ import annotations

import numpy as np
import pytest

from coner.core.types import Entity
from coner.evaluation.metrics import Floats, micro_f1
from coner.evaluation.score import score
from coner.evaluation.significance import class_f1_draws, difference, intervals

GOLD = [(Entity(0, 1, "A"), Entity(2, 3, "B")), (Entity(0, 1, "A"),), (Entity(1, 2, "B"),), ()] * 5
ONE = [(Entity(0, 1, "A"),), (Entity(0, 1, "B"),), (Entity(1, 2, "B"),), (Entity(0, 1, "A"),)] * 5
TWO = [(Entity(0, 1, "B"), Entity(2, 3, "B")), (Entity(0, 1, "A"),), (), ()] * 5
LABELS = ("B", "C", "A")  # another order than the counts have, and a class that does not occur


@pytest.mark.parametrize("label", ["A", "B"])
def test_draws_of_a_class_give_the_intervals_of_its_f1(label: str) -> None:
    one, two = (score(GOLD, predicted).fine.counts for predicted in (ONE, TWO))
    at = one.labels.index(label)

    def metric(totals: Floats) -> Floats:
        return micro_f1(totals[..., at : at + 1, :])

    draws = [class_f1_draws(counts, LABELS, resamples=200)[:, LABELS.index(label)] for counts in (one, two)]
    expected = intervals(one, {"f1": metric}, resamples=200)["f1"]
    assert np.quantile(draws[0], (0.025, 0.975)) == pytest.approx((expected.low, expected.high))
    paired = difference([one], [two], metric, resamples=200)
    assert np.quantile(draws[1] - draws[0], (0.025, 0.975)) == pytest.approx((paired.low, paired.high))


def test_a_class_that_does_not_occur_has_f1_zero() -> None:
    assert not class_f1_draws(score(GOLD, ONE).fine.counts, LABELS, resamples=9)[:, 1].any()
