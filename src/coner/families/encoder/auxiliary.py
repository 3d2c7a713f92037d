"""The auxiliary task: coarse-grained NER with its own layer and decoder, and a weight that decays over training."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from coner.core.tags import TagSet
from coner.core.types import Entity
from coner.families.encoder.backbone.batch import WordLayout
from coner.families.encoder.decoder import decoders, weighted_loss
from coner.families.encoder.settings import AuxiliarySettings


class Auxiliary(nn.Module):
    """Scores coarse tags from the same vectors that score the fine ones; used in training only.

    Args:
        size: width that comes in.
        tags: the coarse tags, K of them.
        settings: its decoder, and whether it is trained.
    """

    def __init__(self, size: int, tags: TagSet, settings: AuxiliarySettings) -> None:
        super().__init__()
        self.emissions = nn.Linear(size, len(tags))
        self.decoder = decoders[settings.decoder](tags)
        if settings.frozen:
            self.requires_grad_(False)

    def loss(self, words: Tensor, layout: WordLayout, gold: Tensor, weights: Sequence[float] | None = None) -> Tensor:
        """Summed coarse loss of word vectors, N x H, against gold coarse tags, B x W, sentences by weight, B."""
        return weighted_loss(self.decoder, layout.padded(self.emissions(words)), layout.lengths, gold, weights)


def coarse_weight(settings: AuxiliarySettings, *, epochs: int, progress: float) -> float:
    """The weight w in ``L = (1 - w) fine + w scale coarse``.

    ``residual`` by epoch is the paper's schedule (arXiv 2401.00698): from ``start`` down in equal parts, one after each
    epoch, over all but the last ``hold`` epochs, which keep ``residual``. With no more than ``hold + 1`` epochs the
    coarse loss is dropped after the first. ``linear`` goes down likewise, to zero. By step, the same line is followed
    without stairs, and not below its end.

    Args:
        settings: schedule, start, residual, hold.
        epochs: M, the number of epochs planned.
        progress: epochs done so far, with their fraction: 0 <= progress < epochs.
    """
    if settings.schedule == "none":
        return 0.0
    if settings.schedule == "constant":
        return settings.start
    end = settings.residual if settings.schedule == "residual" else 0.0
    falling = epochs - settings.hold
    if falling <= 1:
        return settings.start if progress < 1 else 0.0
    if settings.by == "step":
        return max(end, settings.start * (1 - progress / falling))
    epoch = int(progress)
    return settings.start * (1 - epoch / falling) if epoch < falling else end


def coarsen(entities: Sequence[Entity], groups: dict[str, str]) -> list[Entity]:
    """Entities with their labels replaced by the coarse group of each."""
    return [Entity(entity.start, entity.end, groups[entity.label]) for entity in entities]
