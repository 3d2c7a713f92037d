"""Contexts: layers over the word vectors of each sentence, after the mix."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from coner.core.registry import Registry
from coner.families.encoder.backbone.batch import WordLayout


class Context(nn.Module, ABC):
    """Transforms word vectors of width H (``size``) to width ``out``; a subclass may set another ``self.size``."""

    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        self.size = out

    @abstractmethod
    def forward(self, words: Tensor, layout: WordLayout) -> Tensor:
        """N x H to N x size."""


contexts: Registry[type[Context]] = Registry("head.context", __name__)
