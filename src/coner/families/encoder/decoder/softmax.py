"""Softmax: each word gets its most probable tag, trained with a token-level loss.

The tags need not be valid. They are read with conlleval's repair rule (``tags.repair_tags``), and a confidence is the
exact probability of the entity under that rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from coner.core.types import Entity
from coner.decoding.spans import span_probability
from coner.families.encoder.decoder import (
    Decoder,
    check_allowed,
    check_shapes,
    check_spans,
    check_tag_ids,
    decoders,
    word_mask,
)


class TokenLevel(Decoder):
    """Trains each word by itself, with the criterion; has no parameters."""

    def loss(self, emissions: Tensor, lengths: Tensor, gold: Tensor) -> Tensor:
        check_shapes(self.tags, emissions, lengths, gold)
        mask = word_mask(lengths, emissions.shape[1]).to(emissions.device)
        tags, scores = gold[mask], emissions[mask]
        check_tag_ids(tags, len(self.tags))
        total: Tensor = self.criterion(scores.to(torch.promote_types(scores.dtype, torch.float32)), tags)
        return total

    def set_loss(self, emissions: Tensor, lengths: Tensor, allowed: Tensor) -> Tensor:
        """See ``Decoder.set_loss``: the tags of each word by themselves."""
        check_shapes(self.tags, emissions, lengths)
        check_allowed(emissions, lengths, allowed)
        mask = word_mask(lengths, emissions.shape[1]).to(emissions.device)
        scores = emissions[mask]
        total: Tensor = self.criterion.of_sets(
            scores.to(torch.promote_types(scores.dtype, torch.float32)), allowed[mask]
        )
        return total


@decoders.register
class SoftmaxDecoder(TokenLevel):
    """Independent tags."""

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor) -> list[list[int]]:
        check_shapes(self.tags, emissions, lengths)
        best = emissions.argmax(2).tolist()
        return [row[:length] for row, length in zip(best, lengths.tolist(), strict=True)]

    @torch.no_grad()
    def confidence(self, emissions: Tensor, lengths: Tensor, spans: Sequence[Sequence[Entity]]) -> list[list[float]]:
        check_shapes(self.tags, emissions, lengths)
        probabilities = emissions.cpu().double().softmax(2).numpy()
        confidences: list[list[float]] = []
        for rows, length, entities in zip(probabilities, lengths.tolist(), spans, strict=True):
            check_spans(entities, length)
            confidences.append([span_probability(rows[:length], entity, self.tags) for entity in entities])
        return confidences
