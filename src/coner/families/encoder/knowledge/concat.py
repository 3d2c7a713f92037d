"""Concatenation."""

from __future__ import annotations

import torch
from torch import Tensor

from coner.families.encoder.backbone.typed import TypedWords
from coner.families.encoder.knowledge import Join, joins


@joins.register
class Concat(Join):
    """The word's vector, then that of its features: the concatenation baseline of Meng et al. 2021 (GEMNET)."""

    def __init__(self, size: int, features: int) -> None:
        super().__init__(size, features)
        self.size = 2 * size

    def forward(self, words: Tensor, typed: TypedWords | None) -> Tensor:
        return torch.cat([words, self.vectors(words, typed)], dim=-1)
