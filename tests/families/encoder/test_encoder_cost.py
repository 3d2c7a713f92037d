"""What many labels add to the training of an encoder is measured and stated before it starts, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.encoder import cost
from helpers.tiny_training import tuning_of

Stated = Callable[..., list[str]]


@pytest.fixture
def stated(settings_for: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stated:
    def of(decoder: str, labels: int, seconds: float) -> list[str]:
        monkeypatch.setattr(cost, "seconds_per_word", lambda _: (seconds, seconds / 2))
        lines: list[str] = []
        settings = settings_for(head={"decoder": decoder}, train={"epochs": 10, "evaluate_every": 5})
        taxonomy = Taxonomy("t", {"G": {f"L{number}": "" for number in range(labels)}})
        data = [Sentence(("the", "rhine"), (Entity(1, 2, "L1"),))] * 50
        tuning_of(settings, tmp_path, train=data, dev=data[:10], taxonomy=taxonomy, log=lines.append)
        return lines

    return of


def test_a_notable_cost_is_stated(stated: Stated) -> None:
    [line] = stated("crf", 200, 36.0)  # 10 epochs of 100 words, and 2 evaluations of 20 words at half of it
    assert line.startswith("head.decoder: 401 tags of 200 labels take about 10.2 h of processor time and 0.1 GiB")


def test_a_cost_of_weeks_is_refused_with_an_alternative(stated: Stated) -> None:
    with pytest.raises(ConfigError, match=r'head\.decoder: .* at most 7 days\. Fix: .* head\.decoder = "softmax"'):
        stated("crf", 200, 1e4)


@pytest.mark.parametrize(("decoder", "labels", "seconds"), [("crf", 99, 1e4), ("softmax", 200, 1e4), ("crf", 200, 0.1)])
def test_nothing_is_said_of_what_is_cheap(decoder: str, labels: int, seconds: float, stated: Stated) -> None:
    assert stated(decoder, labels, seconds) == []


def test_the_time_of_a_decoder_is_measured() -> None:
    from coner.core.tags import TagSet
    from coner.families.encoder.decoder import decoders

    for name in ("crf", "valid"):
        assert all(0 < seconds < 1 for seconds in cost.seconds_per_word(decoders[name](TagSet(["A", "B"]))))
