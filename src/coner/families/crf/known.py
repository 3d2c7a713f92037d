"""The names that cover each word of a sentence, for the features of the CRF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2

from coner.features.known import Cover, Covers
from coner.knowledge.typed import TypedMatch

COVERS = 2  # maximum names per word: the longest
TYPES, MIN_WEIGHT = 3, 0.1  # maximum types per name: the likeliest; minimum weight of one
MAX_AMBIGUITY, MAX_PRIOR = 3, 12  # larger values are clipped to these


def look_up(
    match: Callable[[Sequence[str]], Sequence[TypedMatch]], types: Sequence[str], words: Sequence[str]
) -> list[Covers]:
    """What ``match`` finds for each word; priors are whole logarithms, so that few values are distinct."""
    found: list[list[Cover]] = [[] for _ in words]
    names = [*types, "other"]
    for start, end, weights, _, prior, _ in sorted(match(words), key=lambda m: (m.start - m.end, m.start)):
        kept = tuple(names[number] for number, weight in weights[:TYPES] if weight >= MIN_WEIGHT)
        level = float(min(MAX_PRIOR, int(log2(prior + 1))))
        for place in range(start, end):
            if len(found[place]) < COVERS:
                at = "S" if end - start == 1 else "B" if place == start else "E" if place == end - 1 else "I"
                found[place].append(Cover(at, kept, min(MAX_AMBIGUITY, len(weights)), level))
    return [tuple(covers) for covers in found]
