"""Contexts: layers over the word vectors of each sentence, after the mix."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from coner.core.registry import Registry
from coner.families.encoder.backbone.batch import WordLayout


class Context(nn.Module, ABC):
    """Transforms word vectors within each sentence.

    Args:
        size: width of the input, H.
        out: requested width of the output.

    Attributes:
        size: width of the output; ``out`` unless a subclass sets another.
    """

    size: int

    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        self.size = out

    @abstractmethod
    def forward(self, words: Tensor, layout: WordLayout) -> Tensor:
        """N x H to N x size."""


contexts: Registry[type[Context]] = Registry("head.context", __name__)
