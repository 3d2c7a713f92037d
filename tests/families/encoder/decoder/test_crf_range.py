"""The CRF decoder at the limits of float32: which of exp space and log space is used, and that both are exact."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.tags import Scheme, TagSet
from coner.core.types import Entity
from coner.families.encoder.decoder import _lattice
from helpers.chain_oracle import SCHEMES
from helpers.crf_oracle import assert_like_oracle, enumerate_paths, make, path_score, random_batch, wider


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    scheme=st.sampled_from(SCHEMES),
    labels=st.integers(1, 4),
    spread=st.sampled_from([0.1, 3.0, 40.0, 1000.0]),
    seed=st.integers(0, 999),
)
def test_any_shape_and_spread_matches_log_space(lengths, scheme, labels, spread, seed) -> None:
    tags = TagSet([f"L{i}" for i in range(labels)], scheme)
    decoder = make(tags, seed=seed, dtype=torch.float32)
    assert_like_oracle(decoder, *random_batch(tags, lengths, seed=seed, spread=spread), rtol=2e-5)


def counting_log_space():
    """Record the calls of the log-space lattice, with their lengths."""
    return patch.object(_lattice, "log_lattice", wraps=_lattice.log_lattice)


def test_ordinary_scores_stay_in_exp_space() -> None:
    tags = TagSet([f"L{i}" for i in range(33)])
    decoder = make(tags, dtype=torch.float32)
    emissions, lengths, gold = random_batch(tags, [32, 500, 7], spread=4.0)
    confident = torch.nn.functional.one_hot(gold, len(tags)) * 25.0  # gold of a well trained network is e^25 ahead
    with counting_log_space() as log_space:
        assert_like_oracle(decoder, emissions, lengths, gold, rtol=3e-6)
        decoder.loss(confident + emissions.float() / 4, lengths, gold)
    assert not log_space.called


def test_only_the_extreme_sentence_uses_log_space() -> None:
    tags = TagSet(["A", "B"])
    decoder = make(tags, dtype=torch.float32)
    emissions, lengths, gold = random_batch(tags, [6, 5, 4], spread=2.0)
    emissions[1] *= 1000
    with counting_log_space() as log_space:
        assert_like_oracle(decoder, emissions, lengths, gold, rtol=1e-5)
    assert [call.args[1].tolist() for call in log_space.call_args_list] == [[0, 5, 0]]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scores_of_ten_thousand_over_five_hundred_words(scheme: Scheme) -> None:
    tags = TagSet(["A", "B", "C"], scheme)
    decoder = make(tags, spread=5.0, dtype=torch.float32)
    emissions, lengths, gold = random_batch(tags, [500, 1, 40])
    extreme = (
        torch.rand(emissions.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.5
    ) * 20_000
    with counting_log_space() as log_space:
        assert_like_oracle(decoder, extreme, lengths, gold, rtol=1e-5)
        assert_like_oracle(decoder, extreme.sign() * 10_000, lengths, gold, rtol=1e-5)  # many ties: soft marginals
    assert log_space.called


@pytest.mark.parametrize("drop", [20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 300.0])
@pytest.mark.parametrize("words", [1, 3, 8])
def test_tag_that_almost_vanishes_and_then_wins(drop: float, words: int) -> None:
    """I-A falls at each word, and the last word raises it above all others: the underflowed path is the best."""
    tags = TagSet(["A", "B"])
    decoder = make(tags, spread=0.3, dtype=torch.float32)
    length = words + 2
    emissions = torch.randn(1, length, len(tags), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    inner = tags.ids["I-A"]
    emissions[0, :, tags.ids["B-A"]] -= drop * torch.arange(1, length + 1) + torch.tensor([0.0, *[9.0] * (length - 1)])
    emissions[0, 1:-1, inner] -= drop
    emissions[0, -1, inner] += drop * (words + 1) + 5.0 * words
    gold = torch.tensor([[tags.ids["B-A"], *[inner] * (length - 1)]])
    lengths = torch.tensor([length])
    assert_like_oracle(decoder, emissions, lengths, gold, rtol=1e-4)
    exact = wider(decoder).confidence(emissions.float().double(), lengths, [[Entity(0, length, "A")]])
    ours = decoder.confidence(emissions.float(), lengths, [[Entity(0, length, "A")]])
    assert ours[0] == pytest.approx(exact[0], rel=1e-4)
    assert exact[0][0] > 0.1


@pytest.mark.parametrize("drop", [30.0, 40.0, 44.0, 46.0, 48.0, 50.0])
def test_denormal_intermediate_values_stay_exact(drop: float) -> None:
    """Two words lower I-A by e^-drop each, two raise it again; no other entry falls as low."""
    tags = TagSet(["A"])
    decoder = make(tags, spread=0.3, dtype=torch.float32)
    outside, begin, inside = (tags.ids[tag] for tag in ("O", "B-A", "I-A"))
    emissions = torch.zeros(1, 4, 3, dtype=torch.float64)
    emissions[0, :, begin] = torch.tensor([-drop, -2 * drop, -drop, 0.0])
    emissions[0, :, inside] = torch.tensor([0.0, -drop, drop, drop + 5])
    for path in ([begin, inside, inside, inside], [outside, outside, outside, outside]):
        assert_like_oracle(decoder, emissions, torch.tensor([4]), torch.tensor([path]), rtol=1e-5)


def test_position_where_every_product_underflows() -> None:
    """The emissions require B-A, and every transition into it is below the range of float32."""
    tags = TagSet(["A"])
    decoder = make(tags, dtype=torch.float32)
    begin = tags.ids["B-A"]
    with torch.no_grad():
        decoder.transitions[:, begin] = -500.0
    emissions = torch.zeros(1, 2, 3, dtype=torch.float64)
    emissions[0, 1, begin] = 1000.0
    assert_like_oracle(decoder, emissions, torch.tensor([2]), torch.tensor([[0, begin]]), rtol=1e-6)


def test_best_path_of_a_long_sentence_is_not_lost_in_rounding() -> None:
    tags = TagSet(["A", "B"])
    decoder = make(tags, spread=0.01, dtype=torch.float32)
    with torch.no_grad():
        decoder.transitions -= 50.0
    emissions, lengths, _ = random_batch(tags, [1500], spread=0.01, dtype=torch.float32)
    twin, exact = wider(decoder), emissions.double()
    best = path_score(twin, exact[0], twin.decode(exact, lengths)[0])
    ours = path_score(twin, exact[0], decoder.decode(emissions, lengths)[0])
    assert (best - ours).item() < 1e-3


@pytest.mark.parametrize("low", [-200.0, -5000.0])
def test_transitions_far_below_the_others_are_exact(low: float) -> None:
    tags = TagSet(["A"])
    decoder = make(tags, dtype=torch.float32)
    with torch.no_grad():
        decoder.transitions[tags.ids["B-A"], tags.ids["I-A"]] = low
    emissions, lengths, gold = random_batch(tags, [6])
    emissions[0, 3, tags.ids["I-A"]] -= low
    assert_like_oracle(decoder, emissions, lengths, gold, rtol=1e-4)


def test_best_path_under_extreme_scores() -> None:
    tags = TagSet(["A", "B"])
    decoder = make(tags, dtype=torch.float32)
    emissions, lengths, _ = random_batch(tags, [5, 5, 4], spread=5000.0)
    for rows, length, path in zip(emissions, lengths.tolist(), decoder.decode(emissions.float(), lengths), strict=True):
        assert tuple(path) == enumerate_paths(decoder, rows[:length]).best


def test_confidences_of_a_long_sentence_lie_between_0_and_1() -> None:
    tags = TagSet([f"L{i}" for i in range(33)])
    decoder = make(tags, dtype=torch.float32)
    emissions, lengths, gold = random_batch(tags, [400], dtype=torch.float32)
    emissions += torch.nn.functional.one_hot(gold, len(tags)) * 30
    spans = [tags.decode(path)[0] for path in decoder.decode(emissions, lengths)]
    scores = decoder.confidence(emissions, lengths, spans)[0]
    assert scores == pytest.approx(wider(decoder).confidence(emissions.double(), lengths, spans)[0], rel=1e-4)
    assert all(0.9 < score <= 1 for score in scores)
