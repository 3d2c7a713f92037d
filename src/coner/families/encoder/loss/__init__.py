"""Token-level losses: from the scores and gold tags of single words to a scalar."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from coner.core.registry import Registry


class Loss(nn.Module, ABC):
    """A loss without parameters. ``counts``: words (or their weights) of each tag in the train split. C"""

    def __init__(self, counts: Tensor) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, scores: Tensor, gold: Tensor) -> Tensor:
        """The loss in nats, summed over words: scores (N x C, float32 or wider) and gold tag ids (N) to a scalar."""

    @abstractmethod
    def of_sets(self, scores: Tensor, allowed: Tensor) -> Tensor:
        """``forward`` where words have sets of possible tags: p is the probability of the set. N x C, bool."""


def log_probability(scores: Tensor, allowed: Tensor) -> Tensor:
    """The log of the summed probability of the allowed tags of each word; never above 0. N x C to N"""
    some = scores.masked_fill(~allowed, -torch.inf).logsumexp(1)
    return (some - scores.logsumexp(1)).clamp(max=0)


losses: Registry[type[Loss]] = Registry("head.loss", __name__)
