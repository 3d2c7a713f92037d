"""Sentence weights: the gradient equals that of repeated sentences, and that of the sum over single sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor

from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.families.encoder.backbone.batch import collate
from coner.families.encoder.decoder import decoders, weighted_loss
from coner.families.encoder.training.fine_tuning import FineTuning
from helpers.rivers import SENTENCES, TAXONOMY
from helpers.tiny_training import tuning_of

TAGS = TagSet(TAXONOMY.labels)
HEADS = [
    {"decoder": "crf"},
    {"decoder": "softmax", "loss": "weighted"},
    {"decoder": "valid", "loss": "focal"},
]
Gradients = dict[str, Tensor]
Make = Callable[..., FineTuning]


@pytest.fixture
def tuning_for(settings_for: Callable[..., Any], tmp_path: Path) -> Make:
    def make(sentences: Sequence[Sentence], weights: Sequence[float] | None = None, **head: Any) -> FineTuning:
        settings = settings_for(
            head={**head, "dropout": 0.0},
            auxiliary={"schedule": "constant", "start": 0.4},
            train={"batch": 16, "clip": 0, "batch_pieces": 24},  # more than one pass per step
        )
        tuning = tuning_of(settings, tmp_path, train=sentences, weights=weights)
        model = tuning.trainer.model.eval()
        model.train = lambda *_: model  # no dropout in the encoder
        return tuning

    return make


def gradients_of(tuning: FineTuning) -> Gradients:
    """The gradients of one step over all sentences."""
    kept: Gradients = {}
    named = tuning.tagger.network.named_parameters
    tuning.trainer.optimizer.step = lambda: kept.update(
        {name: value.grad.clone() for name, value in named() if value.grad is not None}
    )
    tuning.trainer.step(range(len(tuning.job.train)))
    return kept


def assert_close(one: Gradients, two: Gradients) -> None:
    assert one.keys() == two.keys()
    assert any(value.abs().max() > 1e-3 for value in one.values())
    for name, value in one.items():
        assert torch.allclose(value, two[name], rtol=1e-3, atol=1e-6), name


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head["decoder"])
def test_a_weight_of_two_equals_repeating_the_sentence(tuning_for: Make, head: dict[str, Any]) -> None:
    weighted = tuning_for(SENTENCES, [1.0, 2.0, 1.0, 2.0], **head)
    repeated = tuning_for([*SENTENCES, SENTENCES[1], SENTENCES[3]], **head)
    plain = gradients_of(tuning_for(SENTENCES, **head))
    one, two = gradients_of(weighted), gradients_of(repeated)
    assert_close(one, two)
    assert weighted.trainer.progress.sums == pytest.approx(repeated.trainer.progress.sums, rel=1e-5)
    assert not torch.allclose(one["emissions.weight"], plain["emissions.weight"], rtol=1e-2)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head["decoder"])
def test_gradient_is_that_of_the_sum_over_single_sentences(tuning_for: Make, head: dict[str, Any]) -> None:
    weights = [1.0, 0.3, 0.3, 1.7]
    tuning = tuning_for(SENTENCES, weights, **head)
    gradients = gradients_of(tuning)
    objective, network, settings = tuning.trainer.objective, tuning.tagger.network, tuning.tagger.settings
    assert all(value.grad is None for value in network.parameters())
    total = torch.zeros(())
    for i, weight in enumerate(weights):
        batch = collate([objective.pieces[i]], tuning.tagger.pieces)
        device = tuning.tagger.device
        losses = network.losses(batch, objective.fine.gold([i], device), objective.coarse.gold([i], device))
        total = total + weight * (0.6 * losses["fine"] + 0.4 * settings.auxiliary.scale * losses["coarse"])
    (total / sum(w * len(s) for w, s in zip(weights, SENTENCES, strict=True))).backward()
    assert_close(gradients, {name: p.grad for name, p in network.named_parameters() if p.grad is not None})


def test_weights_of_one_change_nothing_bit_for_bit(tuning_for: Make) -> None:
    plain, ones, few = (tuning_for(SENTENCES, w, decoder="crf") for w in (None, [1.0] * 4, [1.0, 1.0, 1.0, 0.5]))
    one, two, three = gradients_of(plain), gradients_of(ones), gradients_of(few)
    assert one.keys() == two.keys()
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert plain.trainer.progress.sums == ones.trainer.progress.sums != few.trainer.progress.sums
    assert not torch.equal(one["emissions.weight"], three["emissions.weight"])


@pytest.mark.parametrize("name", decoders.names())
def test_decoder_is_called_once_for_each_weight(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    decoder = decoders[name](TAGS)
    lengths = torch.tensor([3, 0, 4, 2])
    emissions = torch.randn(4, 4, len(TAGS), dtype=torch.float64)
    gold = torch.zeros(4, 4, dtype=torch.int64)
    gold[0, :2] = torch.tensor(TAGS.encode([Entity(0, 2, "City")], 2))
    calls = []
    loss = decoder.loss

    def counted(*arguments: Tensor) -> Tensor:
        calls.append(arguments[0].shape[0])
        return loss(*arguments)

    monkeypatch.setattr(decoder, "loss", counted)
    plain = loss(emissions, lengths, gold)
    assert torch.equal(weighted_loss(decoder, emissions, lengths, gold, [1.0] * 4), plain)
    assert torch.equal(weighted_loss(decoder, emissions, lengths, gold, None), plain)
    assert calls == [4, 4]
    calls.clear()
    weights = [0.3, 1.0, 0.3, 2.0]
    total = weighted_loss(decoder, emissions, lengths, gold, weights)
    each = [loss(emissions[i : i + 1], lengths[i : i + 1], gold[i : i + 1]) for i in range(4)]
    expected = sum(w * float(one.detach()) for w, one in zip(weights, each, strict=True))
    assert float(total.detach()) == pytest.approx(expected, rel=1e-9)
    assert sorted(calls) == [1, 1, 2]


def test_launcher_settings_do_not_change_the_gradient(tuning_for: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = gradients_of(tuning_for(SENTENCES))
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        assert_close(gradients_of(tuning_for(SENTENCES)), alone)
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
