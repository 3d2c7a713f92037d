"""Spans without a chain: the probability of one if tags are independent, and the best set of disjoint candidates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coner.core.tags import PREFIXES, TagSet
from coner.core.types import Entity


def select_spans(spans: Sequence[Entity], threshold: float) -> list[Entity]:
    """Select non-overlapping spans that maximise the sum of (probability - threshold), by dynamic programming.

    The candidates of one sentence are sorted by end; the score of each is its probability. The threshold with the
    highest F1 is half of that F1 (Lipton, Elkan and Naryanaswamy 2014). It therefore lies well below one half, and has
    to be tuned for each model.
    """
    best = [0.0]  # best[w]: highest sum over the first w words
    last: list[Entity | None] = [None]  # the span that ends at w in that selection
    for span in spans:
        while len(best) <= span.end:
            best.append(best[-1])
            last.append(None)
        total = best[span.start] + span.score - threshold
        if total > best[span.end]:
            best[span.end], last[span.end] = total, span
    selected: list[Entity] = []
    word = len(best) - 1
    while word:
        if found := last[word]:
            selected.append(found)
        word = found.start if found else word - 1
    return selected[::-1]


def span_probability(rows: NDArray[np.float64], entity: Entity, tags: TagSet) -> float:
    """Probability of exactly this span with this label, if the tags of all words are independent.

    Tags are read with repairs (``tags.repair_tags``): a mention of x is open after B-x and I-x. An open mention is
    continued by I-x and E-x; E-x closes it. Otherwise B-x and I-x open a mention, and S-x and E-x are one of a single
    word. Tags that the scheme lacks have probability 0.

    ``rows`` are the probabilities of the tags of one sentence. W x C
    """
    none = np.zeros(len(rows))
    begin, inside, end, single = (
        rows[:, tags.ids[f"{prefix}-{entity.label}"]] if prefix in PREFIXES[tags.scheme] else none for prefix in "BIES"
    )
    first, last = entity.start, entity.end - 1
    not_open = 1 - begin[first - 1] - inside[first - 1] if first else 1.0
    stops = 1 - inside[entity.end] - end[entity.end] if entity.end < len(rows) else 1.0
    opens = begin[first] + inside[first] * not_open
    if first == last:
        probability = opens * stops + single[first] + end[first] * not_open
    else:
        probability = opens * inside[first + 1 : last].prod() * (inside[last] * stops + end[last])
    return min(1.0, max(0.0, float(probability)))  # rounding may leave the range
