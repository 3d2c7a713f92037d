"""Mixes: combine hidden layers of the encoder into one vector for each word."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from coner.core.registry import Registry


class Mix(nn.Module, ABC):
    """Combines word vectors of width H (``size``) from L ``layers``; a subclass may set another ``self.size``."""

    def __init__(self, layers: int, size: int) -> None:
        super().__init__()
        self.size = size

    @abstractmethod
    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """L tensors of N x H, in the order of ``head.layers``, to N x size."""


mixes: Registry[type[Mix]] = Registry("head.mix", __name__)
