"""Every word decides for itself: softmax over tags, cross-entropy or another loss of rows, the likeliest tag as answer.

Nothing keeps the tags valid, so they are read with conlleval's rule of repair (``tags.repair_tags``), and a
confidence is the exact probability that independent tags, so read, give the entity.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from coner.core.types import Entity
from coner.decoding.independent import span_probability
from coner.families.encoder.decoder import Decoder, check_span, check_tag_ids, decoders, real_words


@decoders.register
class SoftmaxDecoder(Decoder):
    """Independent words; no parameters."""

    def loss(self, emissions: Tensor, lengths: Tensor, gold: Tensor) -> Tensor:
        real = real_words(lengths, emissions.shape[1]).to(emissions.device)
        tags = gold[real]
        check_tag_ids(tags, len(self.tags))
        scores = emissions[real]
        total: Tensor = self.criterion(scores.to(torch.promote_types(scores.dtype, torch.float32)), tags)
        return total

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor) -> list[list[int]]:
        best = emissions.argmax(2).tolist()
        return [row[:length] for row, length in zip(best, lengths.tolist(), strict=True)]

    @torch.no_grad()
    def confidence(self, emissions: Tensor, lengths: Tensor, spans: Sequence[Sequence[Entity]]) -> list[list[float]]:
        probabilities = emissions.cpu().double().softmax(2).numpy()
        scores: list[list[float]] = []
        for rows, length, entities in zip(probabilities, lengths.tolist(), spans, strict=True):
            for entity in entities:
                check_span(entity, length)
            scores.append([span_probability(rows[:length], entity, self.tags) for entity in entities])
        return scores
