"""The tags that an encoder is trained towards: one for each word, or the set that ``Sentence.regions`` allow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from coner.core.tags import TagSet
from coner.core.types import Entity, Region, Sentence, with_regions
from coner.families.encoder.backbone.batch import gold_grid
from coner.families.encoder.decoder import Gold


class GoldTags:
    """The gold tags of labelled sentences."""

    def __init__(self, tags: TagSet, sentences: Sequence[Sentence]) -> None:
        self._size = len(tags)
        self._paths = [tags.encode(sentence.entities or (), len(sentence)) for sentence in sentences]
        numbers: dict[tuple[int, ...], int] = {}  # of the different sets
        self._sets = {
            i: [numbers.setdefault(tuple(ids), len(numbers)) for ids in tags.allowed_by(s.regions, len(s))]
            for i, s in enumerate(sentences)
            if s.regions is not None
        }
        self._members = list(numbers)
        self._table = torch.zeros(len(numbers), self._size, dtype=torch.bool)
        for row, ids in zip(self._table, self._members, strict=True):
            row[list(ids)] = True

    def gold(self, examples: Sequence[int], device: torch.device) -> Gold:
        """The gold tags of these sentences (by index)."""
        grid = gold_grid([self._paths[i] for i in examples])
        rows = tuple(row for row, i in enumerate(examples) if i in self._sets)
        if not rows:
            return Gold(grid.to(device))
        sets = gold_grid([self._sets[examples[row]] for row in rows], width=grid.shape[1])
        return Gold(grid.to(device), rows, self._table[sets].to(device))

    def counts(self, weights: Sequence[float]) -> Tensor:
        """Words of each tag, weighted by their sentences; a word with several possible ones counts for all in part."""
        counts = [0.0] * self._size
        for i, (weight, path) in enumerate(zip(weights, self._paths, strict=True)):
            for word, tag in enumerate(path):
                possible = self._members[self._sets[i][word]] if i in self._sets else (tag,)
                for one in possible:
                    counts[one] += weight / len(possible)
        return torch.tensor(counts, dtype=torch.float64)


def without_sets(sentence: Sentence, labels: Collection[str]) -> Sentence:
    """The sentence, or if it has sets of labels, one that may have any tagging: the loss of a CRF is zero."""
    if sentence.regions is None:
        return sentence
    return with_regions(sentence, [Region(0, len(sentence), frozenset(labels), whole=False)])


def in_groups(sentence: Sentence, groups: Mapping[str, str]) -> Sentence:
    """The sentence with coarse labels: where all possible labels are of one group, it is known."""
    if sentence.regions is None:
        coarse = tuple(Entity(e.start, e.end, groups[e.label]) for e in sentence.entities or ())
        return replace(sentence, entities=coarse)
    return with_regions(
        sentence,
        [Region(r.start, r.end, frozenset(map(groups.__getitem__, r.labels)), r.whole) for r in sentence.regions],
    )
