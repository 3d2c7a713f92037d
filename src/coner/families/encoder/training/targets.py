"""The tags that an encoder is trained towards: one for each word, or the set that ``Sentence.regions`` allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from coner.core.tags import TagSet
from coner.core.types import Entity, Region, Sentence, with_regions
from coner.families.encoder.backbone.batch import gold_grid, set_grid
from coner.families.encoder.decoder import Gold


class Targets:
    """The gold tags of labelled sentences."""

    def __init__(self, tags: TagSet, sentences: Sequence[Sentence]) -> None:
        self._size = len(tags)
        self._paths = [tags.encode(sentence.entities or (), len(sentence)) for sentence in sentences]
        self._sets = {
            i: tags.allowed_by(sentence.regions, len(sentence))
            for i, sentence in enumerate(sentences)
            if sentence.regions is not None
        }

    def gold(self, examples: Sequence[int], device: torch.device) -> Gold:
        """The gold tags of these sentences (by index)."""
        grid = gold_grid([self._paths[i] for i in examples])
        rows = tuple(row for row, i in enumerate(examples) if i in self._sets)
        if not rows:
            return Gold(grid.to(device))
        sets = set_grid([self._sets[examples[row]] for row in rows], width=grid.shape[1], tags=self._size)
        return Gold(grid.to(device), rows, sets.to(device))

    def counts(self, weights: Sequence[float]) -> Tensor:
        """Words of each tag, weighted by their sentences; a word with several possible ones counts for all in part."""
        counts = [0.0] * self._size
        for i, (weight, path) in enumerate(zip(weights, self._paths, strict=True)):
            for word, tag in enumerate(path):
                possible = self._sets[i][word] if i in self._sets else (tag,)
                for one in possible:
                    counts[one] += weight / len(possible)
        return torch.tensor(counts, dtype=torch.float64)


def in_groups(sentence: Sentence, groups: Mapping[str, str]) -> Sentence:
    """The sentence with coarse labels: where all possible labels are of one group, it is known."""
    if sentence.regions is None:
        coarse = tuple(Entity(e.start, e.end, groups[e.label]) for e in sentence.entities or ())
        return replace(sentence, entities=coarse)
    return with_regions(
        sentence,
        [Region(r.start, r.end, frozenset(map(groups.__getitem__, r.labels)), r.whole) for r in sentence.regions],
    )
