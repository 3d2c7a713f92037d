"""Every word decides for itself in training; in tagging the likeliest *valid* sequence of tags is the answer.

A CRF whose moves cost nothing or are forbidden: no parameters, the loss of the softmax decoder, and no mention that
breaks apart because one of its words was read alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from coner.core.tags import TagSet
from coner.families.encoder.decoder import decoders
from coner.families.encoder.decoder.crf import CrfDecoder
from coner.families.encoder.decoder.softmax import SoftmaxDecoder
from coner.families.encoder.loss import Loss


@decoders.register
class ValidDecoder(CrfDecoder):
    """Independent words, read together; a confidence is a share of the valid sequences."""

    def __init__(self, tags: TagSet, criterion: Loss | None = None) -> None:
        super().__init__(tags, criterion)
        for name in ("start", "transitions", "end"):
            free = torch.zeros_like(getattr(self, name))
            delattr(self, name)  # nothing to learn
            self.register_buffer(name, free, persistent=False)

    def loss(self, emissions: Tensor, lengths: Tensor, gold: Tensor) -> Tensor:
        return SoftmaxDecoder.loss(self, emissions, lengths, gold)  # type: ignore[arg-type]
