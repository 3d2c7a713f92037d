"""Triplet token blending: a word's vector with those of its two neighbours, before prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from coner.core.registry import Registry


class Blend(nn.Module, ABC):
    """Three vectors a word to one.

    At a sentence's edge a word stands in for its missing neighbour, so a blend sees three vectors always and knows
    nothing of sentences or padding.

    Args:
        size: width that comes in, H.

    Attributes:
        size: the width that comes out.
    """

    size: int

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    @abstractmethod
    def forward(self, word: Tensor, previous: Tensor, following: Tensor) -> Tensor:
        """Three times N x H to N x size."""


blends: Registry[type[Blend]] = Registry("head.blend", __name__)
