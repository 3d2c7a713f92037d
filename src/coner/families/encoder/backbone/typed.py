"""The typed matches of sentences as tensors. A feature of a word is a type at a position in a match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

import torch
from torch import Tensor

from coner.families.encoder.backbone.pieces import Pieces

POSITIONS = 4
BEGIN, INSIDE, END, SINGLE = range(POSITIONS)


@dataclass(frozen=True)
class TypedWords:
    """The M features of N words, concatenated. A word may have none."""

    features: Tensor  # index of the type * POSITIONS + position. M
    weights: Tensor  # weight of the type in its match. M
    starts: Tensor  # index of each word's first feature. N, indices into M


def feature_count(types: int) -> int:
    """Number of features of a tagger with these types, plus *other*."""
    return POSITIONS * (types + 1)


def typed_words(sentences: Sequence[Pieces], device: torch.device | str) -> TypedWords | None:
    """The features of the words of sentences; ``None`` if none has a match."""
    if not any(sentence.matches for sentence in sentences):
        return None
    rows: list[list[tuple[int, float]]] = []
    for sentence in sentences:
        first = len(rows)
        rows += [[] for _ in sentence.counts]
        for start, end, types, *_ in sentence.matches:
            for place in range(start, end):
                at = _position(place, start, end)
                rows[first + place] += [(POSITIONS * number + at, weight) for number, weight in types]
    counts = torch.tensor([len(row) for row in rows])
    return TypedWords(
        torch.tensor([feature for row in rows for feature, _ in row], device=device),
        torch.tensor([weight for row in rows for _, weight in row], device=device),
        (counts.cumsum(0) - counts).to(device),
    )


def _position(place: int, start: int, end: int) -> int:
    if end - start == 1:
        return SINGLE
    return BEGIN if place == start else END if place == end - 1 else INSIDE


def drop_matches(sentences: Sequence[Pieces], probability: float) -> list[Pieces]:
    """Drop each match with this probability, from all of its words; draws from PyTorch's generator."""
    draws = (torch.rand(sum(len(sentence.matches) for sentence in sentences)) >= probability).tolist()
    left, at = list[Pieces](), 0
    for sentence in sentences:
        kept = draws[at : (at := at + len(sentence.matches))]
        matches, notes = compress(sentence.matches, kept), compress(sentence.notes, kept)
        left.append(replace(sentence, matches=tuple(matches), notes=tuple(notes)))
    return left
