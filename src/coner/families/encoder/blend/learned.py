"""A weighted average with learned weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coner.families.encoder.blend import Blend, blends


@blends.register
class Learned(Blend):
    """Three softmax-normalised weights, shared by all words; initially 0.5, 0.25, 0.25 as in ``average``."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.weights = nn.Parameter(torch.tensor([0.5, 0.25, 0.25]).log())

    def forward(self, word: Tensor, previous: Tensor, following: Tensor) -> Tensor:
        own, before, after = self.weights.softmax(0)
        blended: Tensor = own * word + before * previous + after * following
        return blended
