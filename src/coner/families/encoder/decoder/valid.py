"""Constrained decoding without learned transitions: the most probable *valid* tags, trained with a token-level loss."""

from __future__ import annotations

import torch

from coner.core.tags import TagSet
from coner.families.encoder.decoder import decoders
from coner.families.encoder.decoder._chain import ChainScores
from coner.families.encoder.decoder._constrained import ConstrainedDecoder
from coner.families.encoder.decoder.softmax import TokenLevel


@decoders.register
class ValidDecoder(TokenLevel, ConstrainedDecoder):
    """Every allowed transition scores 0."""

    def __init__(self, tags: TagSet) -> None:
        super().__init__(tags)
        torch.empty(len(tags) * (len(tags) + 2)).uniform_()  # drawn in earlier versions: a seed keeps its results

    def scores(self) -> ChainScores:
        return ChainScores(*(torch.zeros(forbidden.shape, device=forbidden.device) for forbidden in self.forbidden))
