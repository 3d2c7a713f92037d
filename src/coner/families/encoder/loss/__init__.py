"""Token-level losses: from the scores and gold tags of single words to a scalar."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from coner.core.registry import Registry


class Loss(nn.Module, ABC):
    """A loss without parameters. ``counts``: words (or their weights) of each tag in the train split. C"""

    def __init__(self, counts: Tensor) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, scores: Tensor, gold: Tensor) -> Tensor:
        """The loss in nats, summed over words: scores (N x C, float32 or wider) and gold tag ids (N) to a scalar."""


losses: Registry[type[Loss]] = Registry("head.loss", __name__)
