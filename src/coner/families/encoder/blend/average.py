"""A fixed weighted average."""

from __future__ import annotations

from torch import Tensor

from coner.families.encoder.blend import Blend, blends


@blends.register
class Average(Blend):
    """Half the word and a quarter of each neighbour, the weights of arXiv 2401.00698."""

    def forward(self, word: Tensor, previous: Tensor, following: Tensor) -> Tensor:
        return 0.5 * word + 0.25 * (previous + following)
