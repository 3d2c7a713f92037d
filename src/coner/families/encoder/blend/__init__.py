"""Blends: combine the vector of each word with those of its two neighbours, before prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from coner.core.registry import Registry


class Blend(nn.Module, ABC):
    """Combines three vectors into one for each word.

    At the edge of a sentence the word itself replaces its missing neighbour, so a blend needs to know nothing of
    sentences or padding.

    Args:
        size: width of the input, H.

    Attributes:
        size: width of the output; H unless a subclass sets another.
    """

    size: int

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    @abstractmethod
    def forward(self, word: Tensor, previous: Tensor, following: Tensor) -> Tensor:
        """Three tensors of N x H to N x size."""


blends: Registry[type[Blend]] = Registry("head.blend", __name__)
