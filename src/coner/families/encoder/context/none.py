"""No layer."""

from __future__ import annotations

from torch import Tensor

from coner.families.encoder.backbone.batch import WordLayout
from coner.families.encoder.context import Context, contexts


@contexts.register
class NoContext(Context):
    """The input, unchanged; ``out`` is ignored."""

    def __init__(self, size: int, out: int) -> None:
        super().__init__(size, size)

    def forward(self, words: Tensor, layout: WordLayout) -> Tensor:
        return words
