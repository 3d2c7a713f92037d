"""The softmax decoder against the enumeration of all tag sequences, read with the repair rule."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.tags import Scheme, TagSet
from coner.core.types import Entity
from coner.families.encoder.decoder import Decoder, decoders

SCHEMES: list[Scheme] = ["iob2", "bioes"]


def make(tags: TagSet) -> Decoder:
    return decoders["softmax"](tags)


@settings(max_examples=20, deadline=None)
@given(
    scheme=st.sampled_from(SCHEMES),
    length=st.integers(1, 4),
    spread=st.sampled_from([0.5, 2.0, 8.0]),
    seed=st.integers(0, 999),
)
def test_confidences_match_enumeration_of_all_tag_sequences(scheme, length, spread, seed) -> None:
    tags = TagSet(["A", "B"] if scheme == "iob2" else ["A"], scheme)
    emissions = torch.randn(1, length, len(tags), generator=torch.Generator().manual_seed(seed)) * spread
    log_probabilities = emissions[0].double().log_softmax(1)
    spans = [Entity(s, e, x) for s in range(length) for e in range(s + 1, length + 1) for x in tags.labels]
    exact = dict.fromkeys(spans, 0.0)
    for path in product(range(len(tags)), repeat=length):
        probability = float(log_probabilities[range(length), path].sum().exp())
        for entity in tags.decode(path)[0]:
            exact[entity] += probability
    (ours,) = make(tags).confidence(emissions, torch.tensor([length]), [spans])
    assert ours == pytest.approx([exact[span] for span in spans], rel=1e-9, abs=1e-15)


def test_loss_is_negative_log_likelihood_summed_over_words() -> None:
    tags = TagSet(["A"])
    emissions = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], [[0.2, 0.5, 0.3], [9.0, 9.0, 9.0]]]))
    loss = make(tags).loss(emissions, torch.tensor([2, 1]), torch.tensor([[0, 2], [1, 0]]))
    torch.testing.assert_close(loss, -torch.tensor([0.5, 0.7, 0.5]).log().sum())


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_padding_has_no_effect_and_no_gradient(garbage: float) -> None:
    tags = TagSet(["A", "B"])
    lengths = torch.tensor([3, 5, 1])
    real = torch.arange(7) < lengths[:, None]
    emissions = torch.randn(3, 5, len(tags), generator=torch.Generator().manual_seed(0))
    gold = torch.randint(len(tags), (3, 5), generator=torch.Generator().manual_seed(0))
    dirty = torch.full((3, 7, len(tags)), garbage)
    dirty[real] = emissions[real[:, :5]]
    dirty_gold = torch.full((3, 7), -100)
    dirty_gold[real] = gold[real[:, :5]]
    spans = [[Entity(0, 1, "A"), Entity(length - 1, length, "B")] for length in lengths.tolist()]
    emissions.requires_grad_()
    dirty.requires_grad_()
    decoder = make(tags)
    loss, dirty_loss = decoder.loss(emissions, lengths, gold), decoder.loss(dirty, lengths, dirty_gold)
    loss.backward()
    dirty_loss.backward()
    assert torch.equal(loss, dirty_loss)
    assert emissions.grad is not None and dirty.grad is not None
    assert torch.equal(emissions.grad[real[:, :5]], dirty.grad[real])
    assert not dirty.grad[~real].any()
    assert decoder.decode(dirty, lengths) == decoder.decode(emissions, lengths)
    assert decoder.confidence(dirty, lengths, spans) == decoder.confidence(emissions, lengths, spans)


def test_batch_equals_its_sentences_one_by_one() -> None:
    tags = TagSet(["A", "B"], "bioes")
    decoder, lengths = make(tags), torch.tensor([4, 0, 1, 6])
    emissions = torch.randn(4, 6, len(tags), generator=torch.Generator().manual_seed(2))
    gold = torch.randint(len(tags), (4, 6), generator=torch.Generator().manual_seed(2))
    paths = decoder.decode(emissions, lengths)
    spans = [tags.decode(path)[0] for path in paths]
    together = decoder.confidence(emissions, lengths, spans)
    losses = []
    for i, length in enumerate(lengths.tolist()):
        one = slice(i, i + 1)
        losses.append(decoder.loss(emissions[one, :length], lengths[one], gold[one, :length]))
        assert decoder.decode(emissions[one, :length], lengths[one]) == [paths[i]]
        assert decoder.confidence(emissions[one, :length], lengths[one], spans[one]) == [pytest.approx(together[i])]
        assert paths[i] == emissions[i, :length].argmax(1).tolist()
    torch.testing.assert_close(decoder.loss(emissions, lengths, gold), torch.stack(losses).sum())


def test_half_precision_is_computed_in_float32() -> None:
    tags = TagSet(["A", "B"])
    emissions = torch.randn(2, 4, len(tags), generator=torch.Generator().manual_seed(4)).bfloat16()
    lengths, gold = torch.tensor([4, 2]), torch.zeros(2, 4, dtype=torch.int64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = make(tags).loss(emissions, lengths, gold)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, make(tags).loss(emissions.float(), lengths, gold))


@pytest.mark.parametrize(("length", "tag"), [(2, -100), (2, 5), (3, 0), (-1, 0)])
def test_gold_ids_and_lengths_out_of_range_are_errors(length: int, tag: int) -> None:
    with pytest.raises(ValueError, match="expected 0 to"):
        make(TagSet(["A", "B"])).loss(torch.zeros(1, 2, 5), torch.tensor([length]), torch.full((1, 2), tag))


def test_spans_outside_their_sentence_are_errors() -> None:
    decoder, emissions, lengths = make(TagSet(["A"])), torch.zeros(1, 3, 3), torch.tensor([2])
    for span in (Entity(1, 3, "A"), Entity(1, 1, "A"), Entity(-1, 1, "A")):
        with pytest.raises(ValueError, match="outside its sentence"):
            decoder.confidence(emissions, lengths, [[span]])
    with pytest.raises(KeyError):
        decoder.confidence(emissions, lengths, [[Entity(0, 1, "Z")]])
