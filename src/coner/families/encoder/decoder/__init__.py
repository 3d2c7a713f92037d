"""Decoders: from the emissions of each word to tags, confidences and the training loss.

Axes: B sentences, W words of the longest one, N words of the batch, C tags, S sentences that have a word.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coner.core.registry import Registry
from coner.core.tags import TagSet
from coner.core.types import Entity
from coner.families.encoder.loss import Loss
from coner.families.encoder.loss.cross_entropy import CrossEntropy


class Decoder(nn.Module, ABC):
    """Turns emissions into tags; the id of a tag is its column. Values at padded positions, even NaN, are ignored.

    ``criterion`` is the token-level loss of decoders that score each word by itself; training sets it.
    """

    def __init__(self, tags: TagSet) -> None:
        super().__init__()
        self.tags = tags
        self.criterion: Loss = CrossEntropy(torch.ones(len(tags)))

    @abstractmethod
    def loss(self, emissions: Tensor, lengths: Tensor, gold: Tensor) -> Tensor:
        """The loss in nats, summed over the batch: a scalar in float32 or wider.

        The gradient of padded positions is exactly zero; ``ValueError`` if a shape does not fit the others, or a gold
        tag id or a length is out of range.

        Args:
            emissions: B x W x C.
            lengths: words of each sentence. B, integers from 0 to W.
            gold: tag ids. B x W, int64.
        """

    @abstractmethod
    def set_loss(self, emissions: Tensor, lengths: Tensor, allowed: Tensor) -> Tensor:
        """``loss`` where only a set of possible tags is known of each word: that of all sequences of these.

        ``ValueError`` as for ``loss``, and for a word without a possible tag.

        Args:
            emissions: B x W x C.
            lengths: as in ``loss``. B
            allowed: the possible tags, at least one valid sequence of which there is. B x W x C, bool.
        """

    @abstractmethod
    def decode(self, emissions: Tensor, lengths: Tensor) -> list[list[int]]:
        """The best tag ids of each sentence (shapes as in ``loss``)."""

    @abstractmethod
    def confidence(self, emissions: Tensor, lengths: Tensor, spans: Sequence[Sequence[Entity]]) -> list[list[float]]:
        """For each entity of each sentence, the probability of exactly that span with that label.

        ``ValueError`` if a span lies outside its sentence, ``KeyError`` if a label is not in the tag set.
        """


def weighted_loss(
    decoder: Decoder, emissions: Tensor, lengths: Tensor, gold: Tensor, weights: Sequence[float] | None
) -> Tensor:
    """``Decoder.loss`` with the loss of each sentence multiplied by its weight (B); ``None``: all 1."""
    if weights is None or len(set(weights)) == 1:
        return (1.0 if weights is None else weights[0]) * decoder.loss(emissions, lengths, gold)
    total = emissions.new_zeros((), dtype=torch.promote_types(emissions.dtype, torch.float32))
    for weight in sorted(set(weights)):
        rows = torch.tensor([row for row, own in enumerate(weights) if own == weight], device=emissions.device)
        total = total + weight * decoder.loss(emissions[rows], lengths[rows], gold[rows])
    return total


@dataclass(frozen=True)
class Gold:
    """What is known of the tags of B sentences: one for each word, or of some sentences sets of possible ones."""

    tags: Tensor  # ids; those of sentences with sets are ignored. B x W
    rows: tuple[int, ...] = ()  # sentences with sets. Q
    allowed: Tensor | None = None  # their possible tags; ``None`` if there are none. Q x W x C, bool


def gold_loss(
    decoder: Decoder, emissions: Tensor, lengths: Tensor, gold: Gold, weights: Sequence[float] | None
) -> Tensor:
    """``Decoder.loss`` or ``set_loss`` of each sentence, summed with their weights (B); ``None``: all 1."""
    if gold.allowed is None:
        return weighted_loss(decoder, emissions, lengths, gold.tags, weights)
    own = [1.0] * len(lengths) if weights is None else list(weights)
    total = emissions.new_zeros((), dtype=torch.promote_types(emissions.dtype, torch.float32))
    if complete := sorted(set(range(len(lengths))) - set(gold.rows)):
        rows = torch.tensor(complete, device=emissions.device)
        chosen = [own[row] for row in complete]
        total = total + weighted_loss(decoder, emissions[rows], lengths[rows], gold.tags[rows], chosen)
    for weight in sorted({own[row] for row in gold.rows}):
        places = [place for place, row in enumerate(gold.rows) if own[row] == weight]
        rows = torch.tensor([gold.rows[place] for place in places], device=emissions.device)
        total = total + weight * decoder.set_loss(emissions[rows], lengths[rows], gold.allowed[places])
    return total


def word_mask(lengths: Tensor, width: int) -> Tensor:
    """True where a position holds a word. B x W, on the device of ``lengths``."""
    if lengths.numel() and not 0 <= int(lengths.min()) <= int(lengths.max()) <= width:
        raise ValueError(f"sentence lengths: got {lengths.min()} to {lengths.max()}; expected 0 to {width}")
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def check_shapes(tags: TagSet, emissions: Tensor, lengths: Tensor, gold: Tensor | None = None) -> None:
    """Raise ``ValueError`` unless the shapes are B x W x C, B and, of gold tags, B x W."""
    batch = emissions.shape[:2]
    if emissions.ndim != 3 or emissions.shape[2] != len(tags):
        raise ValueError(f"emissions: got shape {tuple(emissions.shape)}; expected B x W x {len(tags)}")
    if lengths.shape != batch[:1]:
        raise ValueError(f"sentence lengths: got shape {tuple(lengths.shape)}; expected {tuple(batch[:1])}")
    if gold is not None and gold.shape != batch:
        raise ValueError(f"gold tag ids: got shape {tuple(gold.shape)}; expected {tuple(batch)}")


def check_allowed(emissions: Tensor, lengths: Tensor, allowed: Tensor) -> None:
    """Raise ``ValueError`` unless the possible tags have the shape of the emissions, and each word has one."""
    if allowed.shape != emissions.shape or allowed.dtype != torch.bool:
        expected = f"{tuple(emissions.shape)} of bool"
        raise ValueError(f"possible tags: got shape {tuple(allowed.shape)} of {allowed.dtype}; expected {expected}")
    mask = word_mask(lengths, emissions.shape[1]).to(allowed.device)
    if not (allowed.any(2) | ~mask).all():
        raise ValueError("possible tags: got a word without one; expected one at least")


def check_tag_ids(gold: Tensor, count: int) -> None:
    """Raise ``ValueError`` unless every id in ``gold`` (any shape) lies between 0 and ``count - 1``."""
    if gold.numel() and not 0 <= int(gold.min()) <= int(gold.max()) < count:
        raise ValueError(f"gold tag ids: got {gold.min()} to {gold.max()}; expected 0 to {count - 1}")


def check_spans(spans: Sequence[Entity], length: int) -> None:
    """Raise ``ValueError`` unless every span holds a word and lies within a sentence of ``length`` words."""
    for entity in spans:
        if not 0 <= entity.start < entity.end <= length:
            raise ValueError(f"{entity}: outside its sentence of {length} words")


decoders: Registry[type[Decoder]] = Registry("head.decoder", __name__)
