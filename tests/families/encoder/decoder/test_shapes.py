"""Every decoder refuses emissions, lengths and gold tags whose shapes do not fit each other."""

from __future__ import annotations

import pytest
import torch

from coner.core.tags import TagSet
from coner.families.encoder.decoder import decoders

TAGS = TagSet(["A", "B"])  # C = 5
EMISSIONS, LENGTHS, GOLD = torch.zeros(2, 3, 5), torch.tensor([3, 3]), torch.zeros(2, 3, dtype=torch.int64)


@pytest.mark.parametrize("name", decoders.names())
@pytest.mark.parametrize(
    ("what", "emissions", "lengths", "gold"),
    [
        ("gold tag ids", EMISSIONS, LENGTHS, torch.zeros(2, 4, dtype=torch.int64)),
        ("gold tag ids", EMISSIONS, LENGTHS, torch.zeros(6, dtype=torch.int64)),
        ("sentence lengths", EMISSIONS, torch.tensor([3]), GOLD),
        ("sentence lengths", EMISSIONS, torch.tensor(3), GOLD),
        ("emissions", torch.zeros(2, 3, 4), LENGTHS, GOLD),
        ("emissions", torch.zeros(6, 5), LENGTHS, GOLD),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    name: str, *, what: str, emissions: torch.Tensor, lengths: torch.Tensor, gold: torch.Tensor
) -> None:
    decoder = decoders[name](TAGS)
    assert float(decoder.loss(EMISSIONS, LENGTHS, GOLD).detach()) > 0
    with pytest.raises(ValueError, match=f"{what}: got shape .*; expected"):
        decoder.loss(emissions, lengths, gold)
    if what != "gold tag ids":
        for call in (decoder.decode, lambda *inputs: decoder.confidence(*inputs, [[], []])):
            with pytest.raises(ValueError, match=f"{what}: got shape .*; expected"):
                call(emissions, lengths)
