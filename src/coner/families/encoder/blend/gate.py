"""Gated neighbours."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coner.families.encoder.blend import Blend, blends


@blends.register
class GateBlend(Blend):
    """The word plus its gated neighbours; each component has two sigmoid gates, computed from the triplet."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.gates = nn.Linear(3 * size, 2 * size)
        nn.init.constant_(self.gates.bias, -1.0)  # mostly closed at first

    def forward(self, word: Tensor, previous: Tensor, following: Tensor) -> Tensor:
        gates = torch.sigmoid(self.gates(torch.cat([word, previous, following], dim=-1)))
        before, after = gates.chunk(2, dim=-1)
        return word + before * previous + after * following
