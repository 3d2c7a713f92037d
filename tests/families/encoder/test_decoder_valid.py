"""The decoder that reads independent words together, against every valid sequence there is."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch

from coner.core.tags import Scheme, TagSet, entities_from_tags, may_follow
from coner.core.types import Entity
from coner.families.encoder.decoder import decoders


def valid_paths(tags: TagSet, length: int) -> list[tuple[int, ...]]:
    def is_valid(path: tuple[int, ...]) -> bool:
        names = [None, *(tags.tags[i] for i in path), None]
        return all(may_follow(a, b, tags.scheme) for a, b in pairwise(names))

    return [path for path in product(range(len(tags)), repeat=length) if is_valid(path)]


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
@pytest.mark.parametrize("seed", range(5))
def test_answer_and_confidences_are_those_of_the_valid_sequences(scheme: Scheme, seed: int) -> None:
    tags = TagSet(["A", "B"] if scheme == "iob2" else ["A"], scheme)
    emissions = torch.randn(1, 4, len(tags), generator=torch.Generator().manual_seed(seed)) * 2
    log = emissions[0].double().log_softmax(1)
    weights = {path: float(log[range(4), path].sum().exp()) for path in valid_paths(tags, 4)}
    decoder, lengths = decoders["valid"](tags), torch.tensor([4])
    assert tuple(decoder.decode(emissions, lengths)[0]) == max(weights, key=weights.__getitem__)
    spans = [Entity(s, e, x) for s in range(4) for e in range(s + 1, 5) for x in tags.labels]
    shares = dict.fromkeys(spans, 0.0)
    for path, weight in weights.items():
        for entity in entities_from_tags([tags.tags[i] for i in path], scheme):
            shares[entity] += weight / sum(weights.values())
    found = decoder.confidence(emissions, lengths, [spans])[0]
    assert found == pytest.approx([shares[span] for span in spans], abs=1e-5)


def test_it_learns_as_softmax_does_and_has_nothing_to_learn_itself() -> None:
    tags = TagSet(["A", "B"])
    emissions = torch.randn(3, 5, len(tags))
    lengths, gold = torch.tensor([5, 2, 1]), torch.zeros(3, 5, dtype=torch.int64)
    decoder = decoders["valid"](tags)
    assert torch.equal(decoder.loss(emissions, lengths, gold), decoders["softmax"](tags).loss(emissions, lengths, gold))
    assert not any(parameter.requires_grad for parameter in decoder.parameters())


def test_a_word_read_alone_would_break_the_mention() -> None:
    tags = TagSet(["A", "B"])
    ids = [tags.ids[tag] for tag in ("B-A", "I-A", "I-B", "O")]
    emissions = torch.full((1, 3, len(tags)), -9.0)
    emissions[0, 0, ids[0]] = 0.0
    emissions[0, 1, ids[1]], emissions[0, 1, ids[2]] = -0.1, 0.0
    emissions[0, 2, ids[1]], emissions[0, 2, ids[3]] = 0.0, -3.0
    lengths = torch.tensor([3])
    assert tags.decode(decoders["softmax"](tags).decode(emissions, lengths)[0])[1] > 0
    assert tags.decode(decoders["valid"](tags).decode(emissions, lengths)[0]) == ([Entity(0, 3, "A")], 0)
