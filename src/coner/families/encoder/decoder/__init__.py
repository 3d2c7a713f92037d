"""Decoders: from one row of emissions a word to tags, entities' probabilities, and the loss of training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coner.core.registry import Registry
from coner.core.tags import TagSet
from coner.core.types import Entity
from coner.families.encoder.loss import Loss
from coner.families.encoder.loss.cross_entropy import CrossEntropy


class Decoder(nn.Module, ABC):
    """Reads emissions as tags. Whatever stands in padded positions, NaN included, changes nothing.

    Args:
        tags: the tags, whose ids are the columns of the emissions.
        criterion: the loss of one word by itself, where the decoder asks for one; cross-entropy if none is given.
    """

    def __init__(self, tags: TagSet, criterion: Loss | None = None) -> None:
        super().__init__()
        self.tags = tags
        self.criterion = criterion or CrossEntropy(torch.ones(len(tags)))

    @abstractmethod
    def loss(self, emissions: Tensor, lengths: Tensor, gold: Tensor) -> Tensor:
        """The loss in nats (negative log-likelihood, or the criterion's), summed: the caller divides.

        Args:
            emissions: B x W x C.
            lengths: words of each sentence. B, integers of 0 to W.
            gold: tag ids. B x W, int64.

        Returns:
            A scalar, in float32 or wider. Padded positions get a gradient of exactly zero.

        Raises:
            ValueError: where a gold tag of a real word is no tag id, or a length does not fit.
        """

    @abstractmethod
    def decode(self, emissions: Tensor, lengths: Tensor) -> list[list[int]]:
        """The best tag ids of each sentence (shapes as in ``loss``)."""

    @abstractmethod
    def confidence(self, emissions: Tensor, lengths: Tensor, spans: Sequence[Sequence[Entity]]) -> list[list[float]]:
        """For each entity of each sentence, the probability of exactly that span with that label.

        Raises:
            ValueError: where a span does not lie in its sentence.
            KeyError: for a label outside the tag set.
        """


def weighted_loss(
    decoder: Decoder, emissions: Tensor, lengths: Tensor, gold: Tensor, weights: Sequence[float] | None
) -> Tensor:
    """The decoder's loss, that of each sentence times its weight; shapes as in ``Decoder.loss``.

    Sentences of one weight are judged together; where there is one weight, that is all of them, in one call.

    Args:
        weights: B; ``None``: all 1.
    """
    if weights is None:
        return decoder.loss(emissions, lengths, gold)
    if len(set(weights)) == 1:
        return weights[0] * decoder.loss(emissions, lengths, gold)
    total = emissions.new_zeros((), dtype=torch.promote_types(emissions.dtype, torch.float32))
    for weight in sorted(set(weights)):
        rows = torch.tensor([row for row, own in enumerate(weights) if own == weight], device=emissions.device)
        total = total + weight * decoder.loss(emissions[rows], lengths[rows], gold[rows])
    return total


def real_words(lengths: Tensor, width: int) -> Tensor:
    """Which positions hold a word. B x W, on the device of ``lengths``."""
    if lengths.numel() and not 0 <= int(lengths.min()) <= int(lengths.max()) <= width:
        raise ValueError(f"sentence lengths run from {lengths.min()} to {lengths.max()}; expected 0 to {width}")
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def check_tag_ids(gold: Tensor, count: int) -> None:
    """Raise ``ValueError`` unless all of ``gold`` (tags of real words, any shape) are ids of ``count`` tags."""
    if gold.numel() and not 0 <= int(gold.min()) <= int(gold.max()) < count:
        raise ValueError(f"gold tag ids run from {gold.min()} to {gold.max()}; expected 0 to {count - 1}")


def check_span(entity: Entity, length: int) -> None:
    """Raise ``ValueError`` unless the span holds a word and lies in a sentence of ``length`` words."""
    if not 0 <= entity.start < entity.end <= length:
        raise ValueError(f"{entity} does not lie in a sentence of {length} words")


decoders = Registry[type[Decoder]]("head.decoder", "coner.families.encoder.decoder")
