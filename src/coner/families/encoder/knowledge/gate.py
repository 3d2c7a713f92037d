"""Addition with a gate."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coner.families.encoder.backbone.typed import TypedWords
from coner.families.encoder.knowledge import Join, joins


@joins.register
class GateJoin(Join):
    """Adds the features' vector times a gate for each dimension, which depends on both, after Meng et al. 2021.

    Unlike theirs the gate never closes for the word itself: where nothing matches, the word's vector is unchanged.
    """

    def __init__(self, size: int, features: int) -> None:
        super().__init__(size, features)
        self.gate = nn.Linear(2 * size, size)

    def forward(self, words: Tensor, typed: TypedWords | None) -> Tensor:
        vectors = self.vectors(words, typed)
        gate: Tensor = self.gate(torch.cat([words, vectors], dim=-1)).sigmoid()
        return words + gate * vectors
