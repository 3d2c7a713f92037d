"""Probability of an entity when the tags of all words are independent.

In numpy alone: the softmax decoder of the encoder and the tagger without torch share it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coner.core.tags import TagSet
from coner.core.types import Entity


def span_probability(rows: NDArray[np.float64], entity: Entity, tags: TagSet) -> float:
    """Probability of exactly this span with this label, if tags are read with repairs (``tags.repair_tags``).

    A mention of x is open after B-x and I-x. An open mention is continued by I-x and E-x; E-x closes it. Otherwise
    B-x and I-x open a mention, and S-x and E-x are one of a single word. Tags that the scheme lacks have probability 0.

    Args:
        rows: probabilities of the tags of one sentence. W x C
        entity: a span of that sentence.
        tags: the columns of ``rows``.

    Raises:
        KeyError: for a label outside the tag set.
    """
    if entity.label not in tags.labels:
        raise KeyError(entity.label)
    none = np.zeros(len(rows))
    begin, inside, end, single = (
        rows[:, tags.ids[tag]] if (tag := f"{prefix}-{entity.label}") in tags.ids else none for prefix in "BIES"
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
