"""Training sentences as the loop needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from coner.core.tags import TagSet
from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.encoder.auxiliary import coarsen


@dataclass(frozen=True)
class Example:
    """A training sentence: pieces come from the tagger, gold tags are ids.

    Attributes:
        words: how many it has.
        fine, coarse: a tag a word.
        weight: of its loss.
    """

    words: int
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
    """Examples of labelled sentences, in their order; all of weight 1 where no weights are given."""
    groups = {label: taxonomy.coarse_of(label) for label in taxonomy.labels}
    return [
        Example(
            len(sentence),
            fine.encode(sentence.entities or (), len(sentence)),
            coarse.encode(coarsen(sentence.entities or (), groups), len(sentence)),
            weight,
        )
        for sentence, weight in zip(sentences, weights or [1.0] * len(sentences), strict=True)
    ]


def tag_counts(examples: Sequence[Example], tags: int) -> Tensor:
    """How often each fine tag stands in the examples, by their weights. C, float64"""
    ids = torch.tensor([i for example in examples for i in example.fine])
    shares = torch.tensor([example.weight for example in examples for _ in example.fine], dtype=torch.float64)
    return torch.bincount(ids, shares, minlength=tags)
