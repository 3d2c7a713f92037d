"""The loss of masked words, in training and on held-out text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from coner.core.types import Sentence
from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.backbone.layout import split_by_budget
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces
from coner.families.encoder.cpu.accelerate import accelerated
from coner.families.encoder.pretrain.masking import Masked, mask_words
from coner.families.encoder.pretrain.network import MaskedLanguageModel
from coner.families.encoder.training.objective import Objective

FIXED = 1  # seed for held-out text, so that the same words are masked after every epoch


@dataclass(frozen=True)
class PretrainedModel:
    """The network on its device, with what is needed to make its batches."""

    network: MaskedLanguageModel
    pieces: PieceMaker
    device: torch.device
    precision: torch.dtype
    mask: int  # id of the tokenizer's mask
    share: float  # of the words that are masked

    @property
    def encoder(self) -> Any:
        """The encoder, a model of transformers."""
        return self.network.encoder

    def masked(self, batch: Batch, generator: torch.Generator | None = None) -> Masked:
        """The batch with masked words."""
        vocabulary = len(self.network.bias)
        return mask_words(batch, self.share, mask=self.mask, vocabulary=vocabulary, generator=generator)


class MaskingObjective(Objective):
    """Mean cross-entropy of masked pieces, times the words of a pass; each epoch masks other words."""

    tagger: PretrainedModel

    def batch_losses(self, batch: Batch, examples: Sequence[int]) -> Mapping[str, Tensor]:
        words = sum(len(self.sentences[i]) for i in examples)
        return {"loss": words * self.tagger.network.losses(self.tagger.masked(batch)).mean()}


@torch.no_grad()
def held_out_scores(model: PretrainedModel, sentences: Sequence[Sentence], *, pass_pieces: int) -> dict[str, float]:
    """Mean loss of masked pieces of held-out text, in nats, and the geometric mean of their probabilities."""
    pieces: list[Pieces] = model.pieces([sentence.words for sentence in sentences])
    lengths = [len(sentence.ids) for sentence in pieces]
    order = sorted(range(len(pieces)), key=lengths.__getitem__)
    generator = torch.Generator().manual_seed(FIXED)
    training, total, count = model.network.training, 0.0, 0
    model.network.eval()
    try:
        with accelerated(model.encoder, model.precision):
            for chosen in split_by_budget(order, lengths, pass_pieces):
                batch = collate([pieces[i] for i in chosen], model.pieces, model.device)
                losses = model.network.losses(model.masked(batch, generator))
                total, count = total + float(losses.sum()), count + len(losses)
    finally:
        model.network.train(training)
    loss = total / count
    return {"loss": loss, "probability": math.exp(-loss)}
