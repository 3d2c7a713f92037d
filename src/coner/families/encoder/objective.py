"""The objective of an encoder tagger: the fine loss, and the coarse loss with a weight that decays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.encoder.backbone.batch import collate, gold_grid
from coner.families.encoder.cpu.accelerate import accelerated
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.objective import Objective


@dataclass(frozen=True)
class Example:
    """Gold tags of a training sentence.

    Attributes:
        fine, coarse: tag ids. W
        weight: of its loss.
    """

    fine: list[int]
    coarse: list[int]
    weight: float


def make_examples(
    sentences: Sequence[Sentence],
    weights: Sequence[float] | None,
    *,
    taxonomy: Taxonomy,
    fine: TagSet,
    coarse: TagSet,
) -> list[Example]:
    """Examples of labelled sentences, in their order; without weights, all have weight 1."""
    examples = []
    for sentence, weight in zip(sentences, weights or [1.0] * len(sentences), strict=True):
        entities = sentence.entities or ()
        groups = [Entity(e.start, e.end, taxonomy.coarse_of(e.label)) for e in entities]
        examples.append(Example(fine.encode(entities, len(sentence)), coarse.encode(groups, len(sentence)), weight))
    return examples


def tag_counts(examples: Sequence[Example], tags: int) -> Tensor:
    """Count of each fine tag, by the weights of the examples. C, float64"""
    ids = torch.tensor([i for example in examples for i in example.fine])
    shares = torch.tensor([example.weight for example in examples for _ in example.fine], dtype=torch.float64)
    return torch.bincount(ids, shares, minlength=tags)


class TaggingObjective(Objective):
    """``(1 - w) fine + w scale coarse``, summed over words and divided by their weights.

    Args:
        tagger: whose network is trained.
        sentences: of the examples, in their order.
        examples: gold tags.
        coarse_weight: w after a number of epochs.
        scale: of the coarse loss.
    """

    names = ("fine", "coarse")

    def __init__(
        self,
        tagger: EncoderTagger,
        sentences: Sequence[Sentence],
        examples: Sequence[Example],
        *,
        coarse_weight: Callable[[float], float],
        scale: float,
    ) -> None:
        self.tagger, self.examples = tagger, examples
        self.coarse_weight, self.scale = coarse_weight, scale
        self.pieces = tagger.pieces([sentence.words for sentence in sentences])
        self.lengths = [len(pieces.ids) for pieces in self.pieces]
        self._has_coarse = tagger.network.auxiliary is not None

    def size(self, examples: Sequence[int]) -> float:
        return sum(self.examples[i].weight * len(self.examples[i].fine) for i in examples)

    def losses(self, examples: Sequence[int]) -> Mapping[str, Tensor]:
        tagger, chosen = self.tagger, [self.examples[i] for i in examples]
        batch = collate([self.pieces[i] for i in examples], tagger.pieces).to(tagger.device)
        fine = gold_grid([example.fine for example in chosen]).to(tagger.device)
        coarse = gold_grid([example.coarse for example in chosen]).to(tagger.device)
        with accelerated(tagger.encoder, tagger.precision):
            return tagger.network.losses(batch, fine, coarse, [example.weight for example in chosen])

    def weights(self, epoch: float) -> Mapping[str, float]:
        weight = self.coarse_weight(epoch)
        if not self._has_coarse or weight == 0:  # without a gradient the optimizer leaves the coarse layer alone
            return {"fine": 1.0}
        return {"fine": 1 - weight, "coarse": weight * self.scale}

    def history(self, losses: Mapping[str, float], epoch: float) -> dict[str, Any]:
        coarse = losses["coarse"] if self._has_coarse else None
        return {"loss": losses["fine"], "coarse_loss": coarse, "weight": self.coarse_weight(epoch)}

    def log_line(self, entry: Mapping[str, Any]) -> str:
        return f"loss {entry['loss']:.4f}  coarse weight {entry['weight']:.4f}"

    def curves(self, losses: Mapping[str, float], epoch: float) -> dict[str, float]:
        if not self._has_coarse:
            return {"loss/fine": losses["fine"]}
        return {**super().curves(losses, epoch), "coarse_weight": self.coarse_weight(epoch)}
