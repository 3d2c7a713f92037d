"""One layer, as it is."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from coner.families.encoder.mix import Mix, mixes


@mixes.register
class Last(Mix):
    """The last of the layers named in the config, which for this mix is the only one."""

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        return layers[-1]
