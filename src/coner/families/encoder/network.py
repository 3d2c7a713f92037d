"""The whole network: encoder, one vector a word, mix, context, blend, emissions, decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from coner.core.errors import ConfigError
from coner.core.tags import TagSet
from coner.families.encoder.auxiliary import Auxiliary
from coner.families.encoder.backbone.batch import Batch, PieceLayout
from coner.families.encoder.blend import blends
from coner.families.encoder.context import contexts
from coner.families.encoder.cpu.precision import run_encoder
from coner.families.encoder.decoder import decoders, weighted_loss
from coner.families.encoder.loss import losses
from coner.families.encoder.mix import mixes
from coner.families.encoder.settings import EncoderExperiment


class Network(nn.Module):
    """Emissions of fine tags for each word, and the losses to train them by.

    Args:
        encoder: a pretrained model of transformers.
        settings: of the experiment: pooling, the four slots, the auxiliary task.
        fine: the tags to predict, C of them.
        coarse: the tags of the auxiliary task, K of them; looked at only where the settings ask for that task.
        counts: how often each fine tag stands in the training part; without it they count as equally frequent. C

    Raises:
        ConfigError: a part is not known, or a layer does not exist in this encoder.
    """

    def __init__(
        self,
        encoder: Any,
        settings: EncoderExperiment,
        *,
        fine: TagSet,
        coarse: TagSet,
        counts: Tensor | None = None,
    ) -> None:
        super().__init__()
        head, size = settings.head, int(encoder.config.hidden_size)
        self.pooling = settings.encoder.pooling
        self.layers = hidden_layers(head.layers, int(encoder.config.num_hidden_layers))
        self.encoder = encoder
        if settings.encoder.embeddings == "frozen":
            encoder.get_input_embeddings().requires_grad_(False)
        pooled = 2 * size if self.pooling == "first_last" else size
        self.mix = mixes[head.mix](len(self.layers), pooled)
        self.context = contexts[head.context](self.mix.size, head.width or size)
        self.dropout = nn.Dropout(head.dropout)
        self.blend = blends[head.blend](self.context.size)
        self.emissions = nn.Linear(self.blend.size, len(fine))
        criterion = losses[head.loss](torch.ones(len(fine)) if counts is None else counts)
        self.decoder = decoders[head.decoder](fine, criterion)
        self.auxiliary = None
        if settings.auxiliary.schedule != "none":
            self.auxiliary = Auxiliary(self.blend.size, coarse, settings.auxiliary)

    def words(self, batch: Batch, precision: torch.dtype = torch.float32) -> Tensor:
        """Blended vectors of the real words, N x H, in float32. The encoder alone runs in ``precision``."""
        states = run_encoder(self.encoder, batch, precision)
        layers = [pool(states.hidden_states[layer], batch.pieces, self.pooling).float() for layer in self.layers]
        around = self.dropout(self.context(self.mix(layers), batch.words))
        blended: Tensor = self.blend(around, around[batch.words.previous], around[batch.words.following])
        return blended

    def emit(self, batch: Batch, precision: torch.dtype = torch.float32) -> Tensor:
        """Scores of the fine tags, B x W x C; what stands at padding means nothing."""
        return batch.words.padded(self.emissions(self.words(batch, precision)))

    def forward(
        self,
        batch: Batch,
        fine: Tensor,
        coarse: Tensor,
        precision: torch.dtype = torch.float32,
        *,
        weights: Sequence[float] | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Summed fine loss against gold tags, B x W, and the coarse one where there is that task.

        The loss of a sentence counts by its weight, B; ``None``: all 1.
        """
        words = self.words(batch, precision)
        emissions = batch.words.padded(self.emissions(words))
        loss = weighted_loss(self.decoder, emissions, batch.words.lengths, fine, weights)
        if self.auxiliary is None:
            return loss, None
        return loss, self.auxiliary.loss(words, batch.words, coarse, weights)


def pool(states: Tensor, pieces: PieceLayout, how: str) -> Tensor:
    """Vectors of pieces, R x P x H, to one a word, N x H (N x 2H for ``first_last``)."""
    flat = states.flatten(0, 1)
    if how == "first":
        return flat[pieces.first]
    if how == "first_last":
        return torch.cat([flat[pieces.first], flat[pieces.last]], dim=-1)
    # Not index_add, bincount or len(): a graph in ONNX has no place for the first two, and would keep the number.
    of_word = pieces.word[:, None]
    every = flat[pieces.every].float()
    sums = every.new_zeros(pieces.first.shape[0], every.shape[1])
    sums = sums.scatter_add(0, of_word.expand(-1, every.shape[1]), every)
    counts = torch.zeros_like(pieces.first)[:, None].scatter_add(0, of_word, torch.ones_like(of_word))
    return sums / counts


def hidden_layers(wanted: Sequence[int] | Literal["all"], layers: int) -> list[int]:
    """Indices of the encoder's hidden states (0 embeddings, ``layers`` the last); negative ones count from the end."""
    if wanted == "all":
        return list(range(layers + 1))
    found = [layer if layer >= 0 else layers + 1 + layer for layer in wanted]
    for asked, layer in zip(wanted, found, strict=True):
        if not 0 <= layer <= layers:
            raise ConfigError(
                f"head.layers: {asked}: the encoder has layers 0 (embeddings) to {layers} (or -1, the last)"
            )
    return found
