"""The auxiliary task: coarse labels, with a layer and a decoder of their own and a weight that decays over training."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from coner.families.encoder.backbone.batch import WordLayout
from coner.families.encoder.decoder import Decoder, weighted_loss
from coner.families.encoder.settings import AuxiliarySettings


class Auxiliary(nn.Module):
    """Scores K coarse tags from the vectors that score the fine ones; used in training only."""

    def __init__(self, emissions: nn.Linear, decoder: Decoder) -> None:
        super().__init__()
        self.emissions = emissions
        self.decoder = decoder

    def loss(self, words: Tensor, layout: WordLayout, gold: Tensor, weights: Sequence[float] | None = None) -> Tensor:
        """Summed coarse loss of word vectors, N x H, against gold coarse tags, B x W; sentences weighted, B."""
        return weighted_loss(self.decoder, layout.padded(self.emissions(words)), layout.lengths, gold, weights)


def coarse_weight(settings: AuxiliarySettings, *, epochs: int, progress: float) -> float:
    """The weight w in ``L = (1 - w) fine + w scale coarse``, at a ``progress`` from 0 to the planned ``epochs``.

    ``residual`` by epoch is the schedule of arXiv 2401.00698: w falls from ``start`` in equal steps after each epoch,
    over all but the last ``hold`` epochs, which have ``residual``. With at most ``hold + 1`` epochs the coarse loss is
    dropped after the first one. ``linear`` falls in the same way to zero. By step, w follows the same line without
    stairs, but not below its end.
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
