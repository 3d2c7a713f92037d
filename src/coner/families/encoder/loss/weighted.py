"""Class-weighted cross-entropy: words of rare tags have more weight."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from coner.families.encoder.loss import Loss, log_probability, losses


@losses.register
class WeightedLoss(Loss):
    """-w log p of the gold tag; w is inversely proportional to the square root of its frequency.

    The mean weight of a training word is 1, so that the loss has the scale of cross-entropy. Without the square root, a
    tag seen ten times would outweigh common ones a thousandfold.
    """

    weights: Tensor

    def __init__(self, counts: Tensor) -> None:
        super().__init__(counts)
        rarity = counts.clamp(min=1).double().rsqrt()
        mean = (rarity * counts).sum() / counts.sum().clamp(min=1)
        self.register_buffer("weights", (rarity / mean).to(torch.float32), persistent=False)

    def forward(self, scores: Tensor, gold: Tensor) -> Tensor:
        return F.cross_entropy(scores, gold, weight=self.weights.to(scores.dtype), reduction="sum")

    def of_sets(self, scores: Tensor, allowed: Tensor) -> Tensor:
        """Here w is the mean of the weights of the possible tags, by their present probabilities."""
        chances = scores.detach().masked_fill(~allowed, -torch.inf).softmax(1)
        return -(chances @ self.weights.to(scores.dtype) * log_probability(scores, allowed)).sum()
