"""No context beyond the encoder's."""

from __future__ import annotations

from torch import Tensor

from coner.encoder.batch import WordLayout
from coner.encoder.context import Context, contexts


@contexts.register
class Nothing(Context):
    """Vectors as they come; keeps their width whatever is wanted."""

    def __init__(self, size: int, out: int) -> None:
        super().__init__(size, size)

    def forward(self, words: Tensor, layout: WordLayout) -> Tensor:
        return words
