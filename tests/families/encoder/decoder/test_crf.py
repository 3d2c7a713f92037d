"""The CRF decoder against the enumeration of all valid paths, and against pytorch-crf."""

from __future__ import annotations

from itertools import pairwise
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from coner.core.tags import Scheme, TagSet
from coner.core.types import Entity
from coner.families.encoder.decoder import _chain, _lattice, decoders
from helpers.chain_oracle import SCHEMES, all_spans
from helpers.crf_oracle import enumerate_paths, gradients, make, random_batch


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_loss_gradient_path_and_confidence_match_enumeration(scheme: Scheme, length: int) -> None:
    tags = TagSet(["A", "B"], scheme)
    length = min(length, 3) if scheme == "bioes" else length
    decoder = make(tags, seed=length)
    emissions, lengths, _ = random_batch(tags, [length], seed=length)
    emissions.requires_grad_()
    paths = enumerate_paths(decoder, emissions[0])

    for path, log_probability in list(zip(paths.paths, paths.log_probabilities, strict=True))[::7]:
        loss = decoder.loss(emissions, lengths, torch.tensor([path]))
        assert loss.item() == pytest.approx(-log_probability)

    path = paths.paths[-1]
    loss = decoder.loss(emissions, lengths, torch.tensor([path]))
    inner, first, between, last = gradients(decoder, loss, emissions)
    tag_counts, transition_counts = map(torch.from_numpy, paths.counts())
    tag_counts[range(length), path] -= 1
    for move in pairwise(path):
        transition_counts[move] -= 1
    expected = (tag_counts[None], tag_counts[0], transition_counts, tag_counts[-1])
    for ours, theirs in zip((inner, first, between, last), expected, strict=True):
        torch.testing.assert_close(ours, theirs)

    assert decoder.decode(emissions, lengths) == [list(paths.best)]

    spans = all_spans(tags, length)
    (confidences,) = decoder.confidence(emissions, lengths, [spans])
    assert confidences == pytest.approx([paths.probability(span) for span in spans], rel=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_log_space_matches_enumeration(scheme: Scheme) -> None:
    with patch.object(_lattice, "underflows", lambda unary, *_: torch.ones(len(unary), dtype=torch.bool)):
        # The exp-space lattice of the remaining zero sentences must not change the result.
        test_loss_gradient_path_and_confidence_match_enumeration(scheme, 3)


@pytest.mark.parametrize("spread", [1.0, 5000.0])  # in exp space and in log space
def test_many_tags_in_chunks_give_the_same(spread: float) -> None:
    tags = TagSet(["A", "B", "C"])
    decoder = make(tags)
    emissions, lengths, gold = random_batch(tags, [5, 1, 3, 3, 2], spread=spread)
    emissions.requires_grad_()

    def results() -> list[Tensor]:
        loss = decoder.loss(emissions, lengths, gold)
        return [loss, *gradients(decoder, loss, emissions)]

    expected, paths = results(), decoder.decode(emissions, lengths)
    with patch.object(_chain, "MOVES", 2 * len(tags) ** 2):
        assert decoder.decode(emissions, lengths) == paths
        torch.testing.assert_close(results(), expected)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_gradient_matches_finite_differences(scheme: Scheme) -> None:
    tags = TagSet(["A", "B"], scheme)
    decoder = make(tags)
    emissions, lengths, gold = random_batch(tags, [4, 1, 3])
    emissions.requires_grad_()

    def loss(emissions: Tensor, start: Tensor, transitions: Tensor, end: Tensor) -> Tensor:
        parameters = {"start": start, "transitions": transitions, "end": end}
        return torch.func.functional_call(
            _Loss(decoder), {f"decoder.{k}": v for k, v in parameters.items()}, (emissions, lengths, gold)
        )

    inputs = (emissions, *(p.detach().requires_grad_() for p in (decoder.start, decoder.transitions, decoder.end)))
    assert torch.autograd.gradcheck(loss, inputs)


class _Loss(torch.nn.Module):
    def __init__(self, decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, *arguments: Tensor) -> Tensor:
        return self.decoder.loss(*arguments)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("spread", [2.0, 5000.0])
def test_padding_has_no_effect_and_no_gradient(scheme: Scheme, spread: float) -> None:
    tags = TagSet(["A", "B"], scheme)
    decoder = make(tags, dtype=torch.float32)
    emissions, lengths, gold = random_batch(tags, [3, 7, 1, 5], spread=spread, dtype=torch.float32)
    real = torch.arange(7) < lengths[:, None]
    spans = [[Entity(0, 1, "A"), Entity(length - 1, length, "B")] for length in lengths.tolist()]
    plain = emissions.clone().requires_grad_()
    loss = decoder.loss(plain, lengths, gold)
    expected = gradients(decoder, loss, plain)
    for garbage in (float("nan"), float("inf"), -float("inf"), 1e30):
        dirty = torch.full((4, 9, len(tags)), garbage)
        dirty[:, :7][real] = emissions[real]
        dirty_gold = torch.full((4, 9), -999)
        dirty_gold[:, :7][real] = gold[real]
        dirty.requires_grad_()
        dirty_loss = decoder.loss(dirty, lengths, dirty_gold)
        assert torch.equal(dirty_loss, loss)
        inner, *others = gradients(decoder, dirty_loss, dirty)
        assert torch.equal(inner[:, :7][real], expected[0][real])
        assert not inner[:, 7:].any() and not inner[:, :7][~real].any()
        assert all(torch.equal(a, b) for a, b in zip(others, expected[1:], strict=True))
        assert decoder.decode(dirty, lengths) == decoder.decode(emissions, lengths)
        assert decoder.confidence(dirty, lengths, spans) == decoder.confidence(emissions, lengths, spans)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_batch_equals_its_sentences_one_by_one(scheme: Scheme) -> None:
    tags = TagSet(["A", "B", "C"], scheme)
    decoder = make(tags)
    emissions, lengths, gold = random_batch(tags, [5, 1, 12, 12, 2])
    emissions[2] *= 5000  # one in log space among others
    single = [slice(i, i + 1) for i in range(5)]
    losses = [decoder.loss(emissions[i, : int(lengths[i])], lengths[i], gold[i, : int(lengths[i])]) for i in single]
    torch.testing.assert_close(decoder.loss(emissions, lengths, gold), torch.stack(losses).sum())
    paths = decoder.decode(emissions, lengths)
    assert paths == [decoder.decode(emissions[i], lengths[i])[0] for i in single]
    assert [len(path) for path in paths] == lengths.tolist()
    spans = [tags.decode(path)[0] for path in paths]
    together = decoder.confidence(emissions, lengths, spans)
    for i, ours in zip(single, together, strict=True):
        assert ours == pytest.approx(decoder.confidence(emissions[i], lengths[i], spans[i])[0])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_predicted_path_is_always_valid(scheme: Scheme) -> None:
    tags = TagSet(["A", "B", "C"], scheme)
    decoder = make(tags, dtype=torch.float32)
    emissions, lengths, _ = random_batch(tags, [60] * 8, spread=50.0, dtype=torch.float32)
    assert [tags.decode(path)[1] for path in decoder.decode(emissions, lengths)] == [0] * 8


@pytest.mark.parametrize("scheme", SCHEMES)
def test_confidence_of_adjacent_mentions_and_at_edges(scheme: Scheme) -> None:
    tags = TagSet(["A"], scheme)
    decoder = make(tags)
    emissions, lengths, _ = random_batch(tags, [5], seed=5)
    paths = enumerate_paths(decoder, emissions[0])
    spans = [Entity(0, 2, "A"), Entity(2, 3, "A"), Entity(3, 5, "A"), Entity(0, 5, "A"), Entity(4, 5, "A")]
    confidences = decoder.confidence(emissions, lengths, [spans])[0]
    assert confidences == pytest.approx([paths.probability(span) for span in spans])


def test_matches_pytorch_crf_when_nothing_is_forbidden() -> None:
    torchcrf = pytest.importorskip("torchcrf")
    tags = TagSet(["A", "B", "C"])
    decoder, theirs = make(tags), torchcrf.CRF(len(tags), batch_first=True).double()
    for name in ("start", "transitions", "end"):  # allow every transition
        decoder.get_buffer(f"forbidden_{name}").fill_(False)
    theirs.start_transitions.data, theirs.end_transitions.data = decoder.start.data, decoder.end.data
    theirs.transitions.data = decoder.transitions.data
    emissions, lengths, _ = random_batch(tags, [7, 3, 1])
    gold = torch.randint(len(tags), (3, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(7) < lengths[:, None]
    emissions.requires_grad_()
    loss, expected = decoder.loss(emissions, lengths, gold), -theirs(emissions, gold, mask=mask, reduction="sum")
    torch.testing.assert_close(loss, expected)
    loss.backward()
    ours, emissions.grad = emissions.grad, None
    expected.backward()
    torch.testing.assert_close(ours, emissions.grad)
    torch.testing.assert_close(decoder.transitions.grad, theirs.transitions.grad)
    torch.testing.assert_close(decoder.start.grad, theirs.start_transitions.grad)
    torch.testing.assert_close(decoder.end.grad, theirs.end_transitions.grad)
    assert decoder.decode(emissions, lengths) == theirs.decode(emissions, mask=mask)


@pytest.mark.parametrize(
    ("scheme", "path"),
    [
        ("iob2", ["I-A", "O"]),
        ("iob2", ["B-A", "I-B"]),
        ("bioes", ["B-A", "O"]),
        ("bioes", ["O", "B-A"]),
        ("bioes", ["O", "E-A"]),
    ],
)
def test_invalid_gold_sequence_is_an_error(scheme: Scheme, path: list[str]) -> None:
    tags = TagSet(["A", "B"], scheme)
    gold = torch.tensor([[tags.ids[tag] for tag in path]])
    with pytest.raises(ValueError, match="scheme forbids"):
        make(tags).loss(torch.zeros(1, 2, len(tags)), torch.tensor([2]), gold)


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


def test_empty_sentences_add_nothing() -> None:
    tags = TagSet(["A"])
    decoder = make(tags)
    emissions, lengths, gold = random_batch(tags, [3, 2])
    padded, more = torch.cat((emissions, emissions[:1])), torch.tensor([3, 2, 0])
    loss = decoder.loss(padded, more, torch.cat((gold, gold[:1])))
    torch.testing.assert_close(loss, decoder.loss(emissions, lengths, gold))
    assert decoder.decode(padded, more)[2] == []
    assert decoder.confidence(padded, more, [[], [], []]) == [[], [], []]
    empty = emissions[:, :0].requires_grad_()
    nothing = decoder.loss(empty, torch.tensor([0, 0]), gold[:, :0])
    nothing.backward()
    assert nothing.item() == 0
    assert decoder.decode(empty, torch.tensor([0, 0])) == [[], []]


def test_half_precision_is_computed_in_float32() -> None:
    tags = TagSet(["A", "B"])
    decoder = make(tags, dtype=torch.float32)
    emissions, lengths, gold = random_batch(tags, [6, 4])
    half = emissions.bfloat16().requires_grad_()
    expected = decoder.loss(half.detach().float(), lengths, gold)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = decoder.loss(half, lengths, gold)
        loss.backward()
        assert decoder.decode(half, lengths) == decoder.decode(half.detach().float(), lengths)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected)
    assert half.grad is not None and half.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("scheme", SCHEMES)
def test_forbidden_transitions_have_zero_parameters_and_gradients(scheme: Scheme) -> None:
    tags = TagSet(["A", "B"], scheme)
    decoder = decoders["crf"](tags)
    emissions, lengths, gold = random_batch(tags, [6, 6], dtype=torch.float32)
    decoder.loss(emissions, lengths, gold).backward()
    rules = {"start": tags.allowed_first(), "transitions": tags.allowed(), "end": tags.allowed_last()}
    for name, allowed in rules.items():
        parameter = decoder.get_parameter(name)
        assert parameter.grad is not None and parameter.grad.any()
        assert parameter.abs().max().item() <= 0.1
        for tensor in (parameter, parameter.grad):
            assert not tensor[~torch.tensor(allowed)].any()
    assert set(decoder.state_dict()) == set(rules)
