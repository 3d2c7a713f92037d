"""The cost of many labels is stated before training, or refused with an alternative."""

from __future__ import annotations

import pytest

from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.families.crf.cost import seconds, statement
from coner.families.crf.settings import CrfSettings

LABELS = [f"L{number}" for number in range(2000)]
SGD = CrfSettings(algorithm="sgd")
LBFGS = CrfSettings(algorithm="lbfgs", max_iterations=100)


def sentences(labels: int, *, times: int = 1, width: int = 2) -> list[Sentence]:
    """Sentences with one mention of each label."""
    return [Sentence(("a",) * 10, (Entity(0, width, label),)) for label in LABELS[:labels]] * times


def test_nothing_is_said_of_few_labels() -> None:
    assert statement([SGD], LABELS[:33], sentences(33, times=300)) is None


def test_the_cost_grows_with_words_iterations_and_the_square_of_the_tags() -> None:
    one = seconds([LBFGS], LABELS, sentences(2000))
    assert seconds([LBFGS, LBFGS], LABELS, sentences(2000, times=3)) == pytest.approx(6 * one)
    assert seconds([LBFGS], LABELS[:1000], sentences(1000, times=2)) == pytest.approx(one * (2001 / 4001) ** 2)
    assert seconds([LBFGS], LABELS, sentences(2000, width=1)) == pytest.approx(one * (2001 / 4001) ** 2)  # no I- tags
    fewer = LBFGS.model_copy(update={"max_iterations": 50})
    assert seconds([fewer], LABELS, sentences(2000)) == pytest.approx(one * 51 / 101)


def test_two_thousand_labels_have_a_stated_cost() -> None:
    line = statement([SGD], LABELS, sentences(2000))
    assert line is not None
    assert line.startswith("crf: 4,001 tags of 2,000 labels take about 11.4 h of processor time and 1.5 GiB of memory")


def test_what_takes_weeks_is_refused_with_an_alternative() -> None:
    with pytest.raises(ConfigError, match=r'crf: .* at most 7 days\. Fix: .* head\.decoder = "softmax"'):
        statement([SGD], LABELS, sentences(2000, times=50))
