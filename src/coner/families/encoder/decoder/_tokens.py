"""Decoders that are trained with a token-level loss."""

from __future__ import annotations

import torch
from torch import Tensor

from coner.families.encoder.decoder import Decoder, check_tag_ids, word_mask


class TokenLevel(Decoder):
    """Trains each word by itself, with the criterion; has no parameters."""

    def loss(self, emissions: Tensor, lengths: Tensor, gold: Tensor) -> Tensor:
        mask = word_mask(lengths, emissions.shape[1]).to(emissions.device)
        tags = gold[mask]
        check_tag_ids(tags, len(self.tags))
        scores = emissions[mask]
        total: Tensor = self.criterion(scores.to(torch.promote_types(scores.dtype, torch.float32)), tags)
        return total
