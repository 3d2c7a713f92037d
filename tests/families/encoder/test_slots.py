"""The contract of every component of every slot; new components are tested too, as the tests run over registries."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.blend import blends
from coner.families.encoder.context import contexts
from coner.families.encoder.decoder import decoders
from coner.families.encoder.fit import TaggingObjective
from coner.families.encoder.loss import losses
from coner.families.encoder.mix import mixes
from helpers.layouts import word_layout
from helpers.tiny_training import untrained

SENTENCES = [["the", "rhine", "flows", "through", "basel"], ["dvořák"], ["são", "paulo"]]
GOLD = [[Entity(1, 2, "River"), Entity(4, 5, "City")], [Entity(0, 1, "Artist")], [Entity(0, 2, "City")]]
TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"River": "", "City": ""}})

CHOICES = (
    [{"mix": name, "layers": (-1,) if name == "last" else (-1, -2)} for name in mixes.names()]
    + [{"context": name} for name in contexts.names()]
    + [{"blend": name} for name in blends.names()]
    + [{"decoder": name, "scheme": scheme} for name in decoders.names() for scheme in ("iob2", "bioes")]
    + [{"loss": name, "decoder": "softmax"} for name in losses.names()]
)


class Model:
    """A network with pieces and gold tags."""

    def __init__(self, settings: Any) -> None:
        torch.manual_seed(1)
        tagger = untrained(settings, TAXONOMY)
        self.network, self.maker, self.tags = tagger.network.eval(), tagger.pieces, tagger.tags
        sentences = [Sentence(tuple(words), tuple(gold)) for words, gold in zip(SENTENCES, GOLD, strict=True)]
        self.objective = TaggingObjective(tagger, sentences)

    def batch(self, sentences: list[list[str]]) -> Batch:
        return collate(self.maker(sentences), self.maker)

    def loss(self, examples: list[int]) -> torch.Tensor:
        return torch.stack([*self.objective.losses(examples).values()]).sum()


@pytest.fixture(params=CHOICES, ids=lambda choice: "-".join(str(v) for v in choice.values()))
def model(request: pytest.FixtureRequest, settings_for: Callable[..., Any]) -> Model:
    return Model(settings_for(head=request.param, auxiliary={"schedule": "residual", "decoder": "crf"}))


def test_every_parameter_of_the_head_gets_a_gradient(model: Model) -> None:
    model.loss([0, 1, 2]).backward()
    head = {name: p for name, p in model.network.named_parameters() if not name.startswith("encoder.")}
    assert head
    assert not [name for name, p in head.items() if p.grad is None or not p.grad.abs().sum() > 0]


def test_batch_equals_its_sentences_one_by_one(model: Model) -> None:
    together = model.loss([0, 1, 2])
    alone = sum(model.loss([i]) for i in range(3))
    assert torch.allclose(together, torch.as_tensor(alone), rtol=1e-4)
    emitted = model.network(model.batch(SENTENCES))
    for i, words in enumerate(SENTENCES):
        assert torch.allclose(model.network(model.batch([words]))[0], emitted[i, : len(words)], atol=1e-5)


def test_more_padding_changes_nothing(model: Model) -> None:
    long = ["flows"] * 20
    small = model.network(model.batch(SENTENCES))
    large = model.network(model.batch([*SENTENCES, long]))
    for i, words in enumerate(SENTENCES):
        assert torch.allclose(small[i, : len(words)], large[i, : len(words)], atol=1e-5)
    assert (
        model.network.decoder.decode(small, model.batch(SENTENCES).words.lengths)
        == (model.network.decoder.decode(large, model.batch([*SENTENCES, long]).words.lengths)[:3])
    )


def test_tiny_batch_can_be_memorised(model: Model) -> None:
    model.network.train()
    optimizer = torch.optim.AdamW(model.network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        model.loss([0, 1, 2]).backward()
        optimizer.step()
    model.network.eval()
    batch = model.batch(SENTENCES)
    decoded = model.network.decoder.decode(model.network(batch), batch.words.lengths)
    assert [model.tags.decode(ids)[0] for ids in decoded] == GOLD


@pytest.mark.parametrize("name", blends.names())
def test_blends_depend_on_both_neighbours(name: str) -> None:
    blend = blends[name](4)
    word, other = torch.randn(1, 4), torch.randn(1, 4)
    one_word = blend(word, word, word)
    assert one_word.shape == (1, blend.size)
    assert torch.isfinite(one_word).all()
    assert name == "none" or not torch.allclose(blend(word, other, word), one_word)
    assert name == "none" or not torch.allclose(blend(word, word, other), one_word)


def test_blends_by_hand() -> None:
    word, before, after = (torch.tensor([[float(i), -float(i)]]) for i in (4, 8, 12))
    assert blends["concat"](2)(word, before, after).tolist() == [[4, -4, 8, -8, 12, -12]]
    assert blends["average"](2)(word, before, after).tolist() == [[7, -7]]
    assert torch.allclose(blends["learned"](2)(word, before, after), torch.tensor([[7.0, -7.0]]))


def test_mixes_by_hand() -> None:
    layers = [torch.ones(2, 3), 3 * torch.ones(2, 3)]
    assert torch.equal(mixes["concat"](2, 3)(layers), torch.cat(layers, -1))
    assert torch.allclose(mixes["weighted"](2, 3)(layers), 2 * torch.ones(2, 3))
    assert torch.equal(mixes["last"](1, 3)(layers[1:]), layers[1])


def test_losses_by_hand() -> None:
    scores, gold = torch.tensor([[0.5, 0.5], [0.2, 0.8]], dtype=torch.float64).log(), torch.tensor([0, 1])
    counts = torch.tensor([1.0, 4.0])  # weights 1 and 1/2, divided by their mean over 5 words, 3/5
    expected = {"cross_entropy": (1, 1), "weighted": (5 / 3, 5 / 6), "focal": (0.25, 0.04)}
    for name, (first, second) in expected.items():
        loss = losses[name](counts)(scores, gold)
        assert loss.item() == pytest.approx(-first * math.log(0.5) - second * math.log(0.8), rel=1e-6), name


def test_bilstm_equals_that_of_torch_on_each_sentence() -> None:
    """The oracle is a bidirectional LSTM of torch with the same weights, sentence by sentence."""
    from coner.families.encoder.context.bilstm import BiLstm

    torch.manual_seed(0)
    context, lengths = BiLstm(5, 6), [4, 1, 7]
    oracle = nn.LSTM(5, 3, batch_first=True, bidirectional=True)
    for name, value in context.onward.named_parameters():
        oracle.get_parameter(name).data.copy_(value)
    for name, value in context.reverse.named_parameters():
        oracle.get_parameter(name + "_reverse").data.copy_(value)
    words = torch.randn(sum(lengths), 5)
    own = context(words, word_layout(lengths)).split(lengths)
    for part, result in zip(words.split(lengths), own, strict=True):
        assert torch.allclose(nn.functional.leaky_relu(oracle(part[None])[0][0]), result, atol=1e-6)


@pytest.mark.parametrize("slot", ["mix", "context", "blend", "decoder"])
def test_unknown_component_is_one_line_with_the_known_ones(slot: str, settings_for: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=rf"head\.{slot}: got 'nope'; expected one of: \w+, "):
        Model(settings_for(head={slot: "nope"}))
