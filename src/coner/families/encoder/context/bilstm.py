"""A bidirectional LSTM over the words of each sentence."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coner.core.errors import ConfigError
from coner.families.encoder.backbone.batch import WordLayout
from coner.families.encoder.context import Context, contexts


@contexts.register
class BiLstm(Context):
    """One layer, half of the width per direction, then LeakyReLU (arXiv 2401.00698).

    The backward direction is a forward LSTM over each sentence reversed within its own length, so that padding follows
    the words in both directions and cannot affect them. Unlike a packed sequence, this exports with dynamic lengths.
    """

    def __init__(self, size: int, out: int) -> None:
        super().__init__(size, out)
        if out % 2:
            raise ConfigError(f"head.width: got {out}; expected an even number, half for each direction of the BiLSTM")
        self.onward = nn.LSTM(size, out // 2, batch_first=True)
        self.reverse = nn.LSTM(size, out // 2, batch_first=True)

    def forward(self, words: Tensor, layout: WordLayout) -> Tensor:
        grid = layout.grid
        position = torch.arange(grid.shape[1], device=grid.device)
        mirrored = layout.lengths[:, None] - 1 - position
        turn = torch.where(mirrored >= 0, mirrored, position)
        onward, _ = self.onward(words[grid])
        backward, _ = self.reverse(words[grid.gather(1, turn)])
        backward = backward.gather(1, turn[..., None].expand_as(backward))
        return F.leaky_relu(layout.flat(torch.cat([onward, backward], dim=-1)))
