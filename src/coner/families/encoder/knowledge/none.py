"""Nothing."""

from __future__ import annotations

from torch import Tensor, nn

from coner.families.encoder.backbone.typed import TypedWords
from coner.families.encoder.knowledge import Join, joins


@joins.register
class NoJoin(Join):
    """The word's vector alone, for an encoder that reads the names as text (``knowledge.text``)."""

    def __init__(self, size: int, features: int) -> None:
        nn.Module.__init__(self)
        self.size = size

    def forward(self, words: Tensor, typed: TypedWords | None) -> Tensor:
        return words
