"""Addition."""

from __future__ import annotations

from torch import Tensor

from coner.families.encoder.backbone.typed import TypedWords
from coner.families.encoder.knowledge import Join, joins


@joins.register
class Add(Join):
    """The sum of the word's vector and those of its features."""

    def forward(self, words: Tensor, typed: TypedWords | None) -> Tensor:
        return words + self.vectors(words, typed)
