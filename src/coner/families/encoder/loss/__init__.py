"""Losses of words that decide for themselves: from scores and gold tags of real words to one number."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from coner.core.registry import Registry


class Loss(nn.Module, ABC):
    """Judges rows of scores. Nothing to learn: what it keeps of the training part is not saved with a model.

    Args:
        counts: how often each tag stands in the training part. C
    """

    def __init__(self, counts: Tensor) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, scores: Tensor, gold: Tensor) -> Tensor:
        """The loss in nats, summed over N words: scores, N x C, in float32 or wider, and tag ids, N, to a scalar."""


losses: Registry[type[Loss]] = Registry("head.loss", __name__)
