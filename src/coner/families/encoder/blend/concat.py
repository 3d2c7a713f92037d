"""Concatenation of the three vectors."""

from __future__ import annotations

import torch
from torch import Tensor

from coner.families.encoder.blend import Blend, blends


@blends.register
class ConcatBlend(Blend):
    """``[e(t); e(t-1); e(t+1)]``, the blend of the final model of arXiv 2401.00698."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = 3 * size

    def forward(self, word: Tensor, previous: Tensor, following: Tensor) -> Tensor:
        return torch.cat([word, previous, following], dim=-1)
