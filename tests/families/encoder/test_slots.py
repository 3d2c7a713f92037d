"""Contracts that every part of every slot keeps; a new file is tested the moment it exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from coner.core.errors import ConfigError
from coner.core.tags import TagSet
from coner.core.types import Entity
from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pretrained import load_encoder
from coner.families.encoder.blend import blends
from coner.families.encoder.context import contexts
from coner.families.encoder.decoder import decoders
from coner.families.encoder.mix import mixes
from coner.families.encoder.network import Network

FINE, COARSE = TagSet(["Artist", "River", "City"]), TagSet(["Person", "Place"])
SENTENCES = [["the", "rhine", "flows", "through", "basel"], ["dvořák"], ["são", "paulo"]]
GOLD = [[Entity(1, 2, "River"), Entity(4, 5, "City")], [Entity(0, 1, "Artist")], [Entity(0, 2, "City")]]
GROUPS = {"Artist": "Person", "River": "Place", "City": "Place"}

CHOICES = (
    [{"mix": name, "layers": (-1,) if name == "last" else (-1, -2)} for name in mixes.names()]
    + [{"context": name} for name in contexts.names()]
    + [{"blend": name} for name in blends.names()]
    + [{"decoder": name, "scheme": scheme} for name in decoders.names() for scheme in ("iob2", "bioes")]
)


class Made:
    """A network with its pieces and gold, ready to run."""

    def __init__(self, settings: Any) -> None:
        torch.manual_seed(1)
        encoder, tokenizer = load_encoder(settings.encoder.name)
        self.fine, self.coarse = TagSet(FINE.labels, settings.head.scheme), TagSet(COARSE.labels, settings.head.scheme)
        self.network = Network(encoder, settings, fine=self.fine, coarse=self.coarse).eval()
        self.maker = PieceMaker(tokenizer, limit=piece_limit(encoder.config))

    def batch(self, sentences: list[list[str]]) -> Batch:
        return collate(self.maker(sentences), self.maker)

    def gold(self, chosen: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(len(SENTENCES[i]) for i in chosen)
        grids = []
        for tags, entities in ((self.fine, GOLD), (self.coarse, [[_coarse(e) for e in es] for es in GOLD])):
            rows = [tags.encode(entities[i], len(SENTENCES[i])) for i in chosen]
            grids.append(torch.tensor([row + [0] * (width - len(row)) for row in rows]))
        return grids[0], grids[1]

    def loss(self, chosen: list[int]) -> torch.Tensor:
        fine, coarse = self.network(self.batch([SENTENCES[i] for i in chosen]), *self.gold(chosen))
        return fine if coarse is None else fine + coarse


def _coarse(entity: Entity) -> Entity:
    return Entity(entity.start, entity.end, GROUPS[entity.label])


@pytest.fixture(params=CHOICES, ids=lambda choice: "-".join(str(v) for v in choice.values()))
def made(request: pytest.FixtureRequest, settings_for: Callable[..., Any]) -> Made:
    return Made(settings_for(head=request.param, auxiliary={"schedule": "residual", "decoder": "crf"}))


def test_every_parameter_of_the_head_gets_a_gradient(made: Made) -> None:
    made.loss([0, 1, 2]).backward()
    head = {name: p for name, p in made.network.named_parameters() if not name.startswith("encoder.")}
    assert head
    assert not [name for name, p in head.items() if p.grad is None or not p.grad.abs().sum() > 0]


def test_a_batch_gives_what_its_sentences_give_one_by_one(made: Made) -> None:
    together = made.loss([0, 1, 2])
    alone = sum(made.loss([i]) for i in range(3))
    assert torch.allclose(together, torch.as_tensor(alone), rtol=1e-4)
    emitted = made.network.emit(made.batch(SENTENCES))
    for i, words in enumerate(SENTENCES):
        assert torch.allclose(made.network.emit(made.batch([words]))[0], emitted[i, : len(words)], atol=1e-5)


def test_more_padding_changes_nothing(made: Made) -> None:
    long = ["flows"] * 20
    small = made.network.emit(made.batch(SENTENCES))
    large = made.network.emit(made.batch([*SENTENCES, long]))
    for i, words in enumerate(SENTENCES):
        assert torch.allclose(small[i, : len(words)], large[i, : len(words)], atol=1e-5)
    assert (
        made.network.decoder.decode(small, made.batch(SENTENCES).words.lengths)
        == (made.network.decoder.decode(large, made.batch([*SENTENCES, long]).words.lengths)[:3])
    )


def test_a_tiny_batch_is_learned_by_heart(made: Made) -> None:
    made.network.train()
    optimizer = torch.optim.AdamW(made.network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        made.loss([0, 1, 2]).backward()
        optimizer.step()
    made.network.eval()
    batch = made.batch(SENTENCES)
    decoded = made.network.decoder.decode(made.network.emit(batch), batch.words.lengths)
    assert [made.fine.decode(ids)[0] for ids in decoded] == GOLD


@pytest.mark.parametrize("pooling", ["first", "mean", "first_last"])
def test_pooling_is_what_its_name_says(pooling: str, settings_for: Callable[..., Any]) -> None:
    made = Made(settings_for(encoder={"pooling": pooling}))
    sentence = ["rotterdam", "rhine"]
    batch = made.batch([sentence])
    with torch.no_grad():
        states = made.network.encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state[0]
        words = made.network.words(batch)
    start, expected = len(made.maker.prefix), []
    for count in made.maker([sentence])[0].counts:
        assert count > 1  # else the three would not differ
        own = states[start : start + count]
        views = {"first": own[0], "mean": own.mean(0), "first_last": torch.cat([own[0], own[-1]])}
        expected.append(views[pooling])
        start += count
    assert torch.allclose(words, torch.stack(expected), atol=1e-6)


@pytest.mark.parametrize("name", blends.names())
def test_blends_see_the_word_itself_for_a_missing_neighbour(name: str) -> None:
    blend = blends[name](4)
    word, other = torch.randn(1, 4), torch.randn(1, 4)
    one_word = blend(word, word, word)
    assert one_word.shape == (1, blend.size)
    assert torch.isfinite(one_word).all()
    assert name == "none" or not torch.allclose(blend(word, other, word), one_word)
    assert name == "none" or not torch.allclose(blend(word, word, other), one_word)


def test_the_papers_blends_by_hand() -> None:
    word, before, after = (torch.tensor([[float(i), -float(i)]]) for i in (4, 8, 12))
    assert blends["concat"](2)(word, before, after).tolist() == [[4, -4, 8, -8, 12, -12]]
    assert blends["average"](2)(word, before, after).tolist() == [[7, -7]]
    assert torch.allclose(blends["learned"](2)(word, before, after), torch.tensor([[7.0, -7.0]]))


def test_the_mixes_by_hand() -> None:
    layers = [torch.ones(2, 3), 3 * torch.ones(2, 3)]
    assert torch.equal(mixes["concat"](2, 3)(layers), torch.cat(layers, -1))
    assert torch.allclose(mixes["weighted"](2, 3)(layers), 2 * torch.ones(2, 3))
    assert torch.equal(mixes["last"](1, 3)(layers[1:]), layers[1])


def test_a_bilstm_is_torchs_own_on_each_sentence() -> None:
    """The oracle is torch's bidirectional LSTM with the same weights, sentence by sentence."""
    from coner.families.encoder.backbone.batch import word_layout
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
def test_an_unknown_part_is_one_line_with_the_known_ones(slot: str, settings_for: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=rf"head\.{slot}: got 'nope'; expected one of: \w+, "):
        Made(settings_for(head={slot: "nope"}))


def test_a_layer_that_does_not_exist_is_refused(settings_for: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"head.layers: -5: the encoder has layers 0 \(embeddings\) to 3"):
        Made(settings_for(head={"layers": (-5,)}))
