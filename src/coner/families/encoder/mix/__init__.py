"""The mix: which hidden layers feed the head, and how they become one vector a word."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from coner.core.registry import Registry


class Mix(nn.Module, ABC):
    """L layers' word vectors to one.

    Args:
        layers: how many layers come in, L.
        size: their width, H.

    Attributes:
        size: the width that comes out.
    """

    size: int

    def __init__(self, layers: int, size: int) -> None:
        super().__init__()
        self.size = size

    @abstractmethod
    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """L tensors of N x H, in the order of the config, to N x size."""


mixes: Registry[type[Mix]] = Registry("head.mix", __name__)
