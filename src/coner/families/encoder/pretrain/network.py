"""The network of masked language modelling: an encoder, and a head that scores the pieces of its vocabulary."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coner.families.encoder.backbone.windows import Windows
from coner.families.encoder.pretrain.masking import Masked


class MaskedLanguageModel(nn.Module):
    """Scores V pieces at each masked position by their word embeddings, which are those of the encoder.

    Packaged encoders lack the head of their own pre-training, so this one is new. Its matrix is initialised to the
    identity, so that at first a place is scored by its own vector.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder, self.windows = encoder, Windows()
        table = encoder.get_input_embeddings().weight
        width = int(encoder.config.hidden_size)
        narrow = int(table.shape[1])  # width of the embeddings, which may be narrower than the layers
        self.transform = nn.Linear(width, narrow)
        self.norm = nn.LayerNorm(narrow)
        self.bias = nn.Parameter(torch.zeros(len(table)))
        nn.init.eye_(self.transform.weight)
        nn.init.zeros_(self.transform.bias)

    def losses(self, masked: Masked) -> Tensor:
        """Cross-entropy of each masked piece in nats. M"""
        last = int(self.encoder.config.num_hidden_layers)
        states = self.windows(self.encoder, masked.batch, [last])[last].flatten(0, 1)
        hidden = self.norm(F.gelu(self.transform(states[masked.places].float())))
        scores = F.linear(hidden, self.encoder.get_input_embeddings().weight, self.bias)
        return F.cross_entropy(scores, masked.ids, reduction="none")
