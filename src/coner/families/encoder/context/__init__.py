"""The context: what a word's vector learns from the rest of its sentence, after the encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from coner.core.registry import Registry
from coner.families.encoder.backbone.batch import WordLayout


class Context(nn.Module, ABC):
    """Word vectors to word vectors, within each sentence.

    Args:
        size: width that comes in.
        out: width wanted.

    Attributes:
        size: the width that comes out.
    """

    size: int

    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        self.size = out

    @abstractmethod
    def forward(self, words: Tensor, layout: WordLayout) -> Tensor:
        """N x H to N x size."""


contexts: Registry[type[Context]] = Registry("head.context", __name__)
