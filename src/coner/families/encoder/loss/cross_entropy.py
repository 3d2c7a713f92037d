"""Negative log-likelihood, with the same weight for every word."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from coner.families.encoder.loss import Loss, log_probability, losses


@losses.register
class CrossEntropy(Loss):
    """-log p of the gold tag."""

    def forward(self, scores: Tensor, gold: Tensor) -> Tensor:
        return F.cross_entropy(scores, gold, reduction="sum")

    def of_sets(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return -log_probability(scores, allowed).sum()
