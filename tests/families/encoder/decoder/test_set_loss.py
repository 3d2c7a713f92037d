"""The loss of sets of possible tags: against the enumeration of all allowed paths, and numeric differences."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from coner.core.tags import Scheme, TagSet
from coner.core.types import Region
from coner.families.encoder.decoder import Gold, _lattice, decoders, gold_loss
from coner.families.encoder.loss import losses
from helpers.chain_oracle import SCHEMES
from helpers.crf_oracle import enumerate_paths, gradients, make, random_batch
from helpers.set_oracle import is_allowed, regions_of

LENGTH = {"iob2": 4, "bioes": 3}
A, B = frozenset("A"), frozenset("B")
SOME = [
    (Region(0, 2, A | B, whole=True), Region(2, 4, A, whole=False)),
    (Region(0, 1, B, whole=False),),
    (Region(1, 3, A | B, whole=False),),
]


def grid(tags: TagSet, regions: Sequence[Sequence[Region]], lengths: Sequence[int]) -> Tensor:
    allowed = torch.zeros(len(lengths), max(lengths), len(tags), dtype=torch.bool)
    for row, some, length in zip(allowed, regions, lengths, strict=True):
        for word, ids in enumerate(tags.allowed_by(some, length)):
            row[word, ids] = True
    return allowed


@settings(max_examples=40, deadline=None)
@given(st.data())
@pytest.mark.parametrize("scheme", SCHEMES)
def test_crf_loss_is_that_of_all_allowed_paths(scheme: Scheme, data: st.DataObject) -> None:
    tags, length = TagSet(["A", "B"], scheme), data.draw(st.integers(1, LENGTH[scheme]))
    regions = data.draw(regions_of(length, tags.labels))
    decoder = make(tags, seed=data.draw(st.integers(0, 99)), spread=data.draw(st.sampled_from([0.5, 3.0])))
    emissions, lengths, _ = random_batch(tags, [length], seed=data.draw(st.integers(0, 99)))
    paths = enumerate_paths(decoder, emissions[0])
    some = [log for log, e in zip(paths.log_probabilities, paths.entities, strict=True) if is_allowed(e, regions)]
    loss = decoder.set_loss(emissions, lengths, grid(tags, [regions], [length]))
    assert loss.item() == pytest.approx(-np.logaddexp.reduce(some), abs=1e-9)


@pytest.mark.parametrize("log_space", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_crf_gradient_matches_finite_differences(scheme: Scheme, log_space: bool) -> None:
    tags = TagSet(["A", "B"], scheme)
    decoder, allowed = make(tags), grid(tags, SOME, [4, 1, 3])
    emissions, lengths, _ = random_batch(tags, [4, 1, 3])
    names = ("start", "transitions", "end")

    def loss(emissions: Tensor, *chain: Tensor) -> Tensor:
        for name, value in zip(names, chain, strict=True):
            setattr(decoder, name, value)
        return decoder.set_loss(emissions, lengths, allowed)

    inputs = [emissions.requires_grad_(), *(getattr(decoder, name).detach().requires_grad_() for name in names)]
    for name in names:
        delattr(decoder, name)
    slow = (lambda unary, *_: torch.ones(len(unary), dtype=torch.bool)) if log_space else _lattice.underflows
    with patch.object(_lattice, "underflows", slow):
        assert torch.autograd.gradcheck(loss, tuple(inputs))


@pytest.mark.parametrize("name", decoders.names())
def test_sets_of_one_tag_are_the_ordinary_loss_and_sets_of_all_cost_nothing(name: str) -> None:
    torch.manual_seed(0)
    tags = TagSet(["A", "B", "C"])
    decoder = decoders[name](tags).double()
    emissions, lengths, gold = random_batch(tags, [5, 1, 3])
    one = torch.nn.functional.one_hot(gold, len(tags)).bool()
    torch.testing.assert_close(decoder.set_loss(emissions, lengths, one), decoder.loss(emissions, lengths, gold))
    everything = torch.ones_like(one)
    assert decoder.set_loss(emissions, lengths, everything).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", decoders.names())
@pytest.mark.parametrize("spread", [2.0, 5000.0])
def test_float32_is_that_of_float64_and_padding_has_no_effect(name: str, spread: float) -> None:
    torch.manual_seed(0)
    tags = TagSet(["A", "B"])
    decoder = decoders[name](tags)
    emissions, lengths, _ = random_batch(tags, [4, 1, 3], spread=spread, dtype=torch.float32)
    allowed = grid(tags, SOME, [4, 1, 3])
    exact = decoders[name](tags).double()
    exact.load_state_dict(decoder.state_dict())
    loss = decoder.set_loss(emissions.requires_grad_(), lengths, allowed)
    torch.testing.assert_close(
        loss.double(), exact.set_loss(emissions.double(), lengths, allowed), rtol=1e-4, atol=1e-4
    )
    (expected,) = torch.autograd.grad(loss, emissions)
    assert expected.isfinite().all()
    real = torch.arange(4) < lengths[:, None]
    dirty, more = torch.full((3, 6, len(tags)), torch.nan), torch.zeros(3, 6, len(tags), dtype=torch.bool)
    dirty[:, :4][real], more[:, :4] = emissions.detach()[real], allowed
    again = decoder.set_loss(dirty.requires_grad_(), lengths, more)
    (gradient,) = torch.autograd.grad(again, dirty)
    assert torch.equal(again, loss)
    assert torch.equal(gradient[:, :4][real], expected[real])
    assert not gradient[:, 4:].any()


@pytest.mark.parametrize("name", ["softmax", "valid"])
def test_token_level_loss_sums_the_possible_tags_of_each_word(name: str) -> None:
    tags = TagSet(["A", "B"])
    emissions, lengths, _ = random_batch(tags, [4, 1, 3])
    allowed = grid(tags, SOME, [4, 1, 3])
    p = emissions.softmax(2)
    expected = -sum(p[i, w][allowed[i, w]].sum().log() for i, n in enumerate(lengths.tolist()) for w in range(n))
    torch.testing.assert_close(decoders[name](tags).set_loss(emissions, lengths, allowed), expected)


@pytest.mark.parametrize("name", losses.names())
def test_token_level_losses_take_sets_as_one_tag_with_their_probability(name: str) -> None:
    torch.manual_seed(0)
    loss = losses[name](torch.tensor([50.0, 9.0, 3.0, 1.0]).double())
    scores = torch.randn(6, 4).double()
    gold = torch.tensor([0, 1, 2, 3, 0, 1])
    sets = torch.nn.functional.one_hot(gold, 4).bool()
    torch.testing.assert_close(loss.of_sets(scores, sets), loss(scores, gold))
    twice = torch.cat([scores[:, :1], scores], 1)  # tag 0 in two halves: a set of both is the tag
    twice[:, :2] -= torch.tensor(2.0).log()
    halves = losses[name](torch.tensor([50.0, 50.0, 9.0, 3.0, 1.0]).double())
    if name == "weighted":
        halves.weights = loss.weights[[0, 0, 1, 2, 3]]
    torch.testing.assert_close(halves.of_sets(twice, torch.cat([sets[:, :1], sets], 1)), loss(scores, gold))


def test_sentences_with_and_without_sets_add_up_by_weight() -> None:
    tags = TagSet(["A", "B"])
    decoder = make(tags)
    emissions, lengths, gold = random_batch(tags, [4, 2, 3, 4])
    regions = [SOME[0], (), SOME[2], ()]
    allowed = grid(tags, regions, lengths.tolist())
    mixed = Gold(gold, (0, 2), allowed[[0, 2]])
    weights = [0.5, 1.0, 0.25, 0.5]
    each = [
        decoder.set_loss(emissions[i : i + 1], lengths[i : i + 1], allowed[i : i + 1])
        if i in mixed.rows
        else decoder.loss(emissions[i : i + 1], lengths[i : i + 1], gold[i : i + 1])
        for i in range(4)
    ]
    expected = sum(w * loss for w, loss in zip(weights, each, strict=True))
    torch.testing.assert_close(gold_loss(decoder, emissions, lengths, mixed, weights), expected)
    torch.testing.assert_close(gold_loss(decoder, emissions, lengths, mixed, None), sum(each))
    plain = decoder.loss(emissions, lengths, gold)
    assert torch.equal(gold_loss(decoder, emissions, lengths, Gold(gold), None), plain)


@pytest.mark.parametrize("name", decoders.names())
def test_a_word_without_a_possible_tag_and_another_shape_are_errors(name: str) -> None:
    tags = TagSet(["A"])
    decoder, lengths = decoders[name](tags), torch.tensor([2])
    allowed = torch.ones(1, 2, len(tags), dtype=torch.bool)
    for wrong, message in ((allowed[:, :1], "expected \\(1, 2, 3\\)"), (allowed & False, "a word without one")):
        with pytest.raises(ValueError, match=message):
            decoder.set_loss(torch.zeros(1, 2, len(tags)), lengths, wrong)


def test_gradients_of_the_crf_are_probabilities_less_probabilities() -> None:
    tags = TagSet(["A", "B"])
    decoder, allowed = make(tags), grid(tags, SOME, [4, 1, 3])
    emissions, lengths, _ = random_batch(tags, [4, 1, 3])
    emissions.requires_grad_()
    inner, *_ = gradients(decoder, decoder.set_loss(emissions, lengths, allowed), emissions)
    torch.testing.assert_close(inner.sum(2), torch.zeros(3, 4, dtype=torch.float64))
    assert (inner[~allowed] >= 0).all()
