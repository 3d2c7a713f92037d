"""Weights of sentences: the gradient is that of repeated sentences, and of sums worked out one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor

from coner.core.progress import Log
from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.families.encoder.backbone.batch import collate, gold_grid
from coner.families.encoder.decoder import decoders, weighted_loss
from coner.families.encoder.training.trainer import EncoderTrainer
from helpers.rivers import SENTENCES, TAXONOMY

TAGS = TagSet(TAXONOMY.labels)
HEADS = [
    {"decoder": "crf"},
    {"decoder": "softmax", "loss": "weighted"},
    {"decoder": "valid", "loss": "focal"},
]
Gradients = dict[str, Tensor]


@pytest.fixture
def trainer_for(settings_for: Callable[..., Any], tmp_path: Path) -> Callable[..., EncoderTrainer]:
    def make(sentences: Sequence[Sentence], weights: Sequence[float] | None = None, **head: Any) -> EncoderTrainer:
        settings = settings_for(
            head={**head, "dropout": 0.0},
            auxiliary={"schedule": "constant", "start": 0.4},
            train={"batch": 16, "clip": 0, "batch_pieces": 24},  # more than one pass a step
        )
        trainer = EncoderTrainer(
            settings,
            train=sentences,
            weights=weights,
            dev=SENTENCES,
            taxonomy=TAXONOMY,
            folder=tmp_path,
            belongs_to="x",
            log=Log(),
        )
        trainer.network.eval()
        trainer.network.train = lambda *_: trainer.network  # the encoder's dropout off
        return trainer

    return make


def gradients_of(trainer: EncoderTrainer) -> Gradients:
    """Of one step over all sentences."""
    kept: Gradients = {}
    named = trainer.tagger.network.named_parameters
    trainer.optimizer.step = lambda: kept.update(
        {name: value.grad.clone() for name, value in named() if value.grad is not None}
    )
    trainer._step(range(len(trainer.examples)))
    return kept


def assert_close(one: Gradients, two: Gradients) -> None:
    assert one.keys() == two.keys()
    assert any(value.abs().max() > 1e-3 for value in one.values())
    for name, value in one.items():
        assert torch.allclose(value, two[name], rtol=1e-3, atol=1e-6), name


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head["decoder"])
def test_weight_two_is_the_sentence_twice(trainer_for: Callable[..., EncoderTrainer], head: dict[str, Any]) -> None:
    weighted = trainer_for(SENTENCES, [1.0, 2.0, 1.0, 2.0], **head)
    repeated = trainer_for([*SENTENCES, SENTENCES[1], SENTENCES[3]], **head)
    plain = gradients_of(trainer_for(SENTENCES, **head))
    one, two = gradients_of(weighted), gradients_of(repeated)
    assert_close(one, two)
    assert weighted.progress.sums == pytest.approx(repeated.progress.sums, rel=1e-5)
    assert not torch.allclose(one["emissions.weight"], plain["emissions.weight"], rtol=1e-2)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head["decoder"])
def test_the_gradient_is_that_of_the_sums_worked_out_one_by_one(
    trainer_for: Callable[..., EncoderTrainer], head: dict[str, Any]
) -> None:
    weights = [1.0, 0.3, 0.3, 1.7]
    trainer = trainer_for(SENTENCES, weights, **head)
    found = gradients_of(trainer)
    network, share, scale = trainer.tagger.network, 0.4, trainer.settings.auxiliary.scale
    assert all(value.grad is None for value in network.parameters())
    total = torch.zeros(())
    for weight, pieces, example in zip(weights, trainer.pieces, trainer.examples, strict=True):
        batch = collate([pieces], trainer.tagger.pieces)
        fine, coarse = network(batch, gold_grid([example.fine]), gold_grid([example.coarse]))
        assert coarse is not None
        total = total + weight * ((1 - share) * fine + share * scale * coarse)
    (total / sum(w * len(s) for w, s in zip(weights, SENTENCES, strict=True))).backward()
    assert_close(found, {name: p.grad for name, p in network.named_parameters() if p.grad is not None})


def test_without_weights_all_is_as_it_was_bit_for_bit(trainer_for: Callable[..., EncoderTrainer]) -> None:
    plain, ones, few = (trainer_for(SENTENCES, w, decoder="crf") for w in (None, [1.0] * 4, [1.0, 1.0, 1.0, 0.5]))
    one, two, three = gradients_of(plain), gradients_of(ones), gradients_of(few)
    assert one.keys() == two.keys()
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert plain.progress.sums == ones.progress.sums != few.progress.sums
    assert not torch.equal(one["emissions.weight"], three["emissions.weight"])


@pytest.mark.parametrize("name", decoders.names())
def test_sentences_of_one_weight_are_judged_in_one_call(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
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
    found = weighted_loss(decoder, emissions, lengths, gold, weights)
    each = [loss(emissions[i : i + 1], lengths[i : i + 1], gold[i : i + 1]) for i in range(4)]
    expected = sum(w * float(one.detach()) for w, one in zip(weights, each, strict=True))
    assert float(found.detach()) == pytest.approx(expected, rel=1e-9)
    assert sorted(calls) == [1, 1, 2]


def test_a_launchers_settings_change_no_gradient(
    trainer_for: Callable[..., EncoderTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = gradients_of(trainer_for(SENTENCES))
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        assert_close(gradients_of(trainer_for(SENTENCES)), alone)
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
