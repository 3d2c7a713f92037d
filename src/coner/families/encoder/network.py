"""The network: encoder, pooling, mix, knowledge (if it uses any), context, blend, emissions, decoder.

Axes of all tensors: B sentences, R rows of pieces, P pieces (subword tokens), W words of the longest sentence, N words
of the batch, L layers, H width, C tags, K coarse tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.backbone.pooling import Pooling
from coner.families.encoder.backbone.windows import Windows
from coner.families.encoder.blend import Blend
from coner.families.encoder.consistency import divergence
from coner.families.encoder.context import Context
from coner.families.encoder.decoder import Decoder, Gold, gold_loss
from coner.families.encoder.knowledge import Join
from coner.families.encoder.mix import Mix


@dataclass(frozen=True)
class Head:
    """The layers between word vectors and decoder, in this order."""

    mix: Mix
    knowledge: Join | None
    context: Context
    dropout: nn.Dropout
    blend: Blend
    emissions: nn.Linear


class Auxiliary(nn.Module):
    """Scores K coarse tags from the same vectors as the fine tags; used in training only."""

    def __init__(self, emissions: nn.Linear, decoder: Decoder) -> None:
        super().__init__()
        self.emissions, self.decoder = emissions, decoder


class Network(nn.Module):
    """Scores the C tags of each word, and computes the losses of training."""

    def __init__(
        self, encoder: nn.Module, *, pooling: Pooling, head: Head, decoder: Decoder, auxiliary: Auxiliary | None = None
    ) -> None:
        super().__init__()
        self.encoder, self.pooling, self.windows = encoder, pooling, Windows()
        self.mix, self.knowledge, self.context = head.mix, head.knowledge, head.context
        self.dropout, self.blend, self.emissions = head.dropout, head.blend, head.emissions
        self.decoder, self.auxiliary = decoder, auxiliary

    def states(self, batch: Batch, layers: Sequence[int] = ()) -> Mapping[int, Tensor]:
        """Hidden states of the pooled layers and of these, 0 for the embeddings. R x P x H each"""
        return self.windows(self.encoder, batch, [*self.pooling.layers, *layers])

    def words(self, batch: Batch, states: Mapping[int, Tensor] | None = None) -> Tensor:
        """Blended vectors of the words, from ``states`` if they are known. N x H"""
        if states is None:
            rows = None if self.training else self.pooling.rows(batch.pieces)
            states = self.windows(self.encoder, batch, self.pooling.layers, rows=rows)
        mixed = self.mix(self.pooling(states, batch.pieces))
        if self.knowledge is not None:
            mixed = self.knowledge(mixed, batch.typed)
        context = self.dropout(self.context(mixed, batch.words))
        blended: Tensor = self.blend(context, context[batch.words.previous], context[batch.words.following])
        return blended

    def forward(self, batch: Batch) -> Tensor:
        """Emissions of the tags, B x W x C; the content of padded positions is undefined."""
        return batch.words.padded(self.emissions(self.words(batch)))

    def losses(
        self,
        batch: Batch,
        fine: Gold,
        coarse: Gold | None = None,
        weights: Sequence[float] | None = None,
        *,
        twice: bool = False,
    ) -> dict[str, Tensor]:
        """Losses in nats, summed over the batch: ``fine`` and, with an auxiliary task, ``coarse``.

        Args:
            batch: the sentences.
            fine, coarse: their gold tags.
            weights: of the sentences in the loss; ``None``: all 1. B
            twice: the second half of the batch repeats the first. The losses are means of both, and ``consistency`` is
                the divergence between their tags.
        """
        words, layout = self.words(batch), batch.words
        scores = self.emissions(words)
        losses = {"fine": gold_loss(self.decoder, layout.padded(scores), layout.lengths, fine, weights)}
        if self.auxiliary is not None and coarse is not None:
            emissions = layout.padded(self.auxiliary.emissions(words))
            losses["coarse"] = gold_loss(self.auxiliary.decoder, emissions, layout.lengths, coarse, weights)
        if twice:
            losses = {name: loss / 2 for name, loss in losses.items()}
            losses["consistency"] = divergence(scores, layout.lengths, weights)
        return losses
