"""Focal loss (Lin et al. 2017): words that are already predicted well have less weight."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from coner.families.encoder.loss import Loss, log_probability, losses

GAMMA = 2.0  # the paper's choice


@losses.register
class Focal(Loss):
    """-(1 - p)^2 log p of the gold tag."""

    def forward(self, scores: Tensor, gold: Tensor) -> Tensor:
        return _focal(-F.cross_entropy(scores, gold, reduction="none"))

    def of_sets(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return _focal(log_probability(scores, allowed))


def _focal(log: Tensor) -> Tensor:
    # Not 1 - exp(log), which cancels where p is near 1.
    return -(torch.pow(-torch.expm1(log), GAMMA) * log).sum()
