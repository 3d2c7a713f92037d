"""A learned weighted mean of the layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coner.families.encoder.mix import Mix, mixes


@mixes.register
class WeightedMix(Mix):
    """Scalar mix (Peters et al. 2018, ELMo): softmax-normalised weights, equal at first, and one scale."""

    def __init__(self, layers: int, size: int) -> None:
        super().__init__(layers, size)
        self.weights = nn.Parameter(torch.zeros(layers))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        return self.scale * torch.einsum("l,lnh->nh", self.weights.softmax(0), torch.stack(list(layers)))
