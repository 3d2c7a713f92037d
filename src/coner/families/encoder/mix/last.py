"""A single layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from coner.families.encoder.mix import Mix, mixes


@mixes.register
class Last(Mix):
    """The only layer in ``head.layers``, unchanged."""

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        return layers[-1]
