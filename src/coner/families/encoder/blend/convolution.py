"""A convolution over the triplet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coner.families.encoder.blend import Blend, blends


@blends.register
class Convolution(Blend):
    """A convolution of kernel size 3 with H channels, LeakyReLU, and a residual connection to the word."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.kernel = nn.Conv1d(size, size, kernel_size=3)

    def forward(self, word: Tensor, previous: Tensor, following: Tensor) -> Tensor:
        triplet = torch.stack([previous, word, following], dim=-1)
        return word + F.leaky_relu(self.kernel(triplet).squeeze(-1))
