"""Every word decides for itself: softmax over tags, cross-entropy as loss, the likeliest tag as answer.

Nothing keeps the tags valid, so they are read with conlleval's rule of repair (``tags.repair_tags``), and a
confidence is the exact probability that independent tags, so read, give the entity.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from coner.encoder.decoder import Decoder, check_span, check_tag_ids, decoders, real_words
from coner.types import Entity


@decoders.register
class SoftmaxDecoder(Decoder):
    """Independent words; no parameters."""

    def loss(self, emissions: Tensor, lengths: Tensor, gold: Tensor) -> Tensor:
        real = real_words(lengths, emissions.shape[1]).to(emissions.device)
        tags = gold[real]
        check_tag_ids(tags, len(self.tags))
        scores = emissions[real]
        return F.cross_entropy(scores.to(torch.promote_types(scores.dtype, torch.float32)), tags, reduction="sum")

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor) -> list[list[int]]:
        best = emissions.argmax(2).tolist()
        return [row[:length] for row, length in zip(best, lengths.tolist(), strict=True)]

    @torch.no_grad()
    def confidence(self, emissions: Tensor, lengths: Tensor, spans: Sequence[Sequence[Entity]]) -> list[list[float]]:
        probabilities = emissions.cpu().double().softmax(2)
        scores: list[list[float]] = []
        for rows, length, entities in zip(probabilities, lengths.tolist(), spans, strict=True):
            for entity in entities:
                check_span(entity, length)
            scores.append([self._probability(rows[:length], entity) for entity in entities])
        return scores

    def _probability(self, rows: Tensor, entity: Entity) -> float:
        """P(exactly this span with this label) from one sentence's W x C.

        A mention of x is open after B-x and I-x. Where it is, I-x and E-x go on with it, and E-x closes it; where it
        is not, B-x and I-x open one, and S-x and E-x are one. Tags that the scheme lacks have probability 0.
        """
        if entity.label not in self.tags.labels:
            raise KeyError(entity.label)
        none = rows.new_zeros(len(rows))
        begin, inside, end, single = (
            rows[:, self.tags.ids[tag]] if (tag := f"{prefix}-{entity.label}") in self.tags.ids else none
            for prefix in "BIES"
        )
        first, last = entity.start, entity.end - 1
        fresh = 1 - begin[first - 1] - inside[first - 1] if first else 1.0
        stops = 1 - inside[entity.end] - end[entity.end] if entity.end < len(rows) else 1.0
        opens = begin[first] + inside[first] * fresh
        if first == last:
            return float(opens * stops + single[first] + end[first] * fresh)
        return float(opens * inside[first + 1 : last].prod() * (inside[last] * stops + end[last]))
