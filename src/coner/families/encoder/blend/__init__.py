"""Blends: combine the vector of each word with those of its two neighbours, before prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from coner.core.registry import Registry


class Blend(nn.Module, ABC):
    """Combines three vectors of width H (``size``) into one for each word; a subclass may set another ``self.size``.

    At the edge of a sentence the word itself replaces its missing neighbour, so a blend does not handle sentence edges
    or padding.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    @abstractmethod
    def forward(self, word: Tensor, previous: Tensor, following: Tensor) -> Tensor:
        """Three tensors of N x H to N x size."""


blends: Registry[type[Blend]] = Registry("head.blend", __name__)
