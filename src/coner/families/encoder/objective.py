"""The objective of an encoder tagger: the fine loss, and the coarse loss with a weight that decays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.families.encoder.backbone.batch import collate, gold_grid
from coner.families.encoder.cpu.accelerate import accelerated
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.objective import Objective


class TaggingObjective(Objective):
    """``(1 - w) fine + w scale coarse``, summed over words and divided by their weights.

    Args:
        tagger: whose network is trained.
        sentences: labelled; the examples, in their order.
        weights: of the loss of each sentence; ``None``: all 1.
        coarse_weight: w after a number of epochs.
        scale: of the coarse loss.
    """

    names = ("fine", "coarse")

    def __init__(
        self,
        tagger: EncoderTagger,
        sentences: Sequence[Sentence],
        weights: Sequence[float] | None,
        *,
        coarse_weight: Callable[[float], float],
        scale: float,
    ) -> None:
        self.tagger, self.coarse_weight, self.scale = tagger, coarse_weight, scale
        self.sentence_weights = list(weights or [1.0] * len(sentences))
        self.pieces = tagger.pieces([sentence.words for sentence in sentences])
        self.lengths = [len(pieces.ids) for pieces in self.pieces]
        self.fine = [tagger.tags.encode(s.entities or (), len(s)) for s in sentences]
        self.coarse: list[list[int]] | None = None
        if auxiliary := tagger.network.auxiliary:
            groups = tagger.taxonomy.coarse_of
            coarse = ([Entity(e.start, e.end, groups(e.label)) for e in s.entities or ()] for s in sentences)
            encode = auxiliary.decoder.tags.encode
            self.coarse = [encode(entities, len(s)) for entities, s in zip(coarse, sentences, strict=True)]

    def size(self, examples: Sequence[int]) -> float:
        return sum(self.sentence_weights[i] * len(self.fine[i]) for i in examples)

    def losses(self, examples: Sequence[int]) -> Mapping[str, Tensor]:
        tagger = self.tagger
        batch = collate([self.pieces[i] for i in examples], tagger.pieces).to(tagger.device)
        fine = gold_grid([self.fine[i] for i in examples]).to(tagger.device)
        coarse = None if self.coarse is None else gold_grid([self.coarse[i] for i in examples]).to(tagger.device)
        with accelerated(tagger.encoder, tagger.precision):
            return tagger.network.losses(batch, fine, coarse, [self.sentence_weights[i] for i in examples])

    def weights(self, epoch: float) -> Mapping[str, float]:
        weight = self.coarse_weight(epoch)
        if self.coarse is None or weight == 0:  # without a gradient the optimizer leaves the coarse layer alone
            return {"fine": 1.0}
        return {"fine": 1 - weight, "coarse": weight * self.scale}

    def history(self, losses: Mapping[str, float], epoch: float) -> dict[str, Any]:
        coarse = None if self.coarse is None else losses["coarse"]
        return {"loss": losses["fine"], "coarse_loss": coarse, "weight": self.coarse_weight(epoch)}

    def log_line(self, entry: Mapping[str, Any]) -> str:
        return f"loss {entry['loss']:.4f}  coarse weight {entry['weight']:.4f}"

    def curves(self, losses: Mapping[str, float], epoch: float) -> dict[str, float]:
        if self.coarse is None:
            return {"loss/fine": losses["fine"]}
        return {**super().curves(losses, epoch), "coarse_weight": self.coarse_weight(epoch)}


def tag_counts(sentences: Sequence[Sentence], weights: Sequence[float] | None, tags: TagSet) -> Tensor:
    """Count of each tag in labelled sentences, which may have weights. C, float64"""
    counts = [0.0] * len(tags)
    for sentence, weight in zip(sentences, weights or [1.0] * len(sentences), strict=True):
        for tag in tags.encode(sentence.entities or (), len(sentence)):
            counts[tag] += weight
    return torch.tensor(counts, dtype=torch.float64)
