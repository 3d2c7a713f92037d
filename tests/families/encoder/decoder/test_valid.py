"""The decoder with constrained decoding and token-level training, against the enumeration of valid sequences."""

from __future__ import annotations

import pytest
import torch

from coner.core.tags import Scheme, TagSet
from coner.core.types import Entity
from coner.families.encoder.decoder import decoders
from helpers.chain_oracle import SCHEMES, Paths, all_spans


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(5))
def test_path_and_confidences_match_enumeration_of_valid_sequences(scheme: Scheme, seed: int) -> None:
    tags = TagSet(["A", "B"] if scheme == "iob2" else ["A"], scheme)
    emissions = torch.randn(1, 4, len(tags), generator=torch.Generator().manual_seed(seed)) * 2
    paths = Paths(tags, emissions[0].double().numpy())
    decoder, lengths = decoders["valid"](tags), torch.tensor([4])
    assert tuple(decoder.decode(emissions, lengths)[0]) == paths.best
    spans = all_spans(tags, 4)
    confidences = decoder.confidence(emissions, lengths, [spans])[0]
    assert confidences == pytest.approx([paths.probability(span) for span in spans], abs=1e-5)


def test_loss_is_that_of_softmax_and_there_are_no_parameters() -> None:
    tags = TagSet(["A", "B"])
    emissions = torch.randn(3, 5, len(tags))
    lengths, gold = torch.tensor([5, 2, 1]), torch.zeros(3, 5, dtype=torch.int64)
    decoder = decoders["valid"](tags)
    assert torch.equal(decoder.loss(emissions, lengths, gold), decoders["softmax"](tags).loss(emissions, lengths, gold))
    assert not list(decoder.parameters()) and not decoder.state_dict()


def test_constrained_decoding_keeps_a_mention_whole() -> None:
    tags = TagSet(["A", "B"])
    ids = [tags.ids[tag] for tag in ("B-A", "I-A", "I-B", "O")]
    emissions = torch.full((1, 3, len(tags)), -9.0)
    emissions[0, 0, ids[0]] = 0.0
    emissions[0, 1, ids[1]], emissions[0, 1, ids[2]] = -0.1, 0.0
    emissions[0, 2, ids[1]], emissions[0, 2, ids[3]] = 0.0, -3.0
    lengths = torch.tensor([3])
    assert tags.decode(decoders["softmax"](tags).decode(emissions, lengths)[0])[1] > 0
    assert tags.decode(decoders["valid"](tags).decode(emissions, lengths)[0]) == ([Entity(0, 3, "A")], 0)
