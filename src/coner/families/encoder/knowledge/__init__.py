"""Knowledge: components that join what a knowledge base says about the words to their vectors, before the context."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coner.core.registry import Registry
from coner.families.encoder.backbone.typed import TypedWords


class Join(nn.Module, ABC):
    """Joins word vectors of width H (``size``) with knowledge about ``features``; a subclass may set ``self.size``.

    A feature is a type at a position in a match. Its vector is initialised to 0, so training starts as without it.
    """

    def __init__(self, size: int, features: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.zeros(features, size))

    def vectors(self, words: Tensor, typed: TypedWords | None) -> Tensor:
        """The weighted sum of the features of each word; ``None`` if no word has any. N x H"""
        if typed is None:
            return torch.zeros_like(words)
        return F.embedding_bag(
            typed.features,
            self.weight,
            typed.starts,
            mode="sum",
            per_sample_weights=typed.weights.to(self.weight.dtype),
        )

    @abstractmethod
    def forward(self, words: Tensor, typed: TypedWords | None) -> Tensor:
        """N x H to N x size."""


joins: Registry[type[Join]] = Registry("knowledge.join", __name__)
