"""All short spans of a batch, as tensors. S is the number of spans; the other letters are those of the encoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from coner.core.types import Entity
from coner.families.encoder.backbone.batch import WordLayout


@dataclass(frozen=True)
class Spans:
    """Every span of up to M words, sentence by sentence, by first word and then by length."""

    sentence: Tensor  # its sentence. S, indices into B
    start: Tensor  # first word, counted within the sentence. S
    first: Tensor  # first word. S, indices into N
    last: Tensor  # last word. S, indices into N
    length: Tensor  # number of words. S
    number: Tensor  # [first, length - 1]: index of the span; -1 if it would leave the sentence. N x M


def enumerate_spans(words: WordLayout, max_words: int) -> Spans:
    """The spans of up to ``max_words`` words of every sentence of a batch."""
    sentence, position = words.cells // words.grid.shape[1], words.cells % words.grid.shape[1]
    remaining = words.lengths[sentence] - position
    fits = torch.arange(max_words, device=remaining.device) < remaining[:, None]
    first, shorter = fits.nonzero(as_tuple=True)  # shorter: length less one
    number = torch.full_like(fits, -1, dtype=torch.long)
    number[first, shorter] = torch.arange(len(first), device=first.device)
    return Spans(sentence[first], position[first], first, first + shorter, shorter + 1, number)


def gold_labels(spans: Spans, words: WordLayout, gold: Sequence[Iterable[Entity]], ids: dict[str, int]) -> Tensor:
    """The label of every span, 0 for none, from the entities of B sentences; those of over M words are left out. S"""
    labels = torch.zeros_like(spans.first)
    longest = spans.number.shape[1]
    rows = [
        (sentence, entity.start, entity.end - entity.start - 1, ids[entity.label])
        for sentence, entities in enumerate(gold)
        for entity in entities
        if entity.end - entity.start <= longest
    ]
    if rows:
        sentence, start, shorter, label = torch.tensor(rows, device=labels.device).unbind(dim=1)
        labels[spans.number[words.grid[sentence, start], shorter]] = label
    return labels
