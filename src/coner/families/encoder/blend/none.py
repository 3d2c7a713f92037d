"""No blending."""

from __future__ import annotations

from torch import Tensor

from coner.families.encoder.blend import Blend, blends


@blends.register
class NoBlend(Blend):
    """The vector of the word, unchanged."""

    def forward(self, word: Tensor, previous: Tensor, following: Tensor) -> Tensor:
        return word
