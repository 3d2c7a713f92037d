"""Concatenation of the layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from coner.families.encoder.mix import Mix, mixes


@mixes.register
class ConcatMix(Mix):
    """``[H(-1); H(-2); H(-3)]`` of arXiv 2401.00698, in the order of ``head.layers``."""

    def __init__(self, layers: int, size: int) -> None:
        super().__init__(layers, size)
        self.size = layers * size

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(layers), dim=-1)
