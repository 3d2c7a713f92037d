"""A hidden layer over each word."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from coner.families.encoder.backbone.batch import WordLayout
from coner.families.encoder.context import Context, contexts


@contexts.register
class Mlp(Context):
    """Linear, then LeakyReLU: as deep as the BiLSTM, but without its view of the sentence."""

    def __init__(self, size: int, out: int) -> None:
        super().__init__(size, out)
        self.hidden = nn.Linear(size, out)

    def forward(self, words: Tensor, layout: WordLayout) -> Tensor:
        return F.leaky_relu(self.hidden(words))
