"""The cost of many labels is stated before training, or refused with an alternative."""

from __future__ import annotations

import pytest

from coner.core.errors import ConfigError
from coner.core.types import Sentence
from coner.families.crf.cost import seconds, statement
from coner.families.crf.settings import CrfSettings

SENTENCE = Sentence(("a",) * 10)
LABELS = [f"L{number}" for number in range(2000)]
SGD = CrfSettings(algorithm="sgd")


def test_nothing_is_said_of_few_labels() -> None:
    assert statement([SGD], LABELS[:33], [SENTENCE] * 10_000) is None


def test_the_cost_grows_with_words_settings_and_the_square_of_the_tags() -> None:
    one = seconds([SGD], LABELS, [SENTENCE])
    assert seconds([SGD, SGD], LABELS, [SENTENCE] * 3) == pytest.approx(6 * one)
    assert seconds([SGD], LABELS[:1000], [SENTENCE]) == pytest.approx(one * (2001 / 4001) ** 2)


def test_two_thousand_labels_have_a_stated_cost() -> None:
    line = statement([SGD], LABELS, [SENTENCE] * 100)
    assert line is not None
    assert line.startswith("4,001 tags of 2,000 labels take about 0.5 h of processor time and 1.5 GiB of memory")


def test_what_takes_weeks_is_refused_with_an_alternative() -> None:
    with pytest.raises(ConfigError, match=r'crf: .* at most 7 days\. Fix: .* head\.decoder = "softmax"'):
        statement([SGD], LABELS, [SENTENCE] * 100_000)
