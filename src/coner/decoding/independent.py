"""The probability of an entity where every word decides for itself.

In numpy alone: the softmax decoder and the tagger without torch read the same formula.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coner.core.tags import TagSet
from coner.core.types import Entity


def span_probability(rows: NDArray[np.float64], entity: Entity, tags: TagSet) -> float:
    """P(exactly this span with this label), the tags being read with the rule of repair (``tags.repair_tags``).

    A mention of x is open after B-x and I-x. Where it is, I-x and E-x go on with it, and E-x closes it; where it is
    not, B-x and I-x open one, and S-x and E-x are one. Tags that the scheme lacks have probability 0.

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
    fresh = 1 - begin[first - 1] - inside[first - 1] if first else 1.0
    stops = 1 - inside[entity.end] - end[entity.end] if entity.end < len(rows) else 1.0
    opens = begin[first] + inside[first] * fresh
    if first == last:
        found = opens * stops + single[first] + end[first] * fresh
    else:
        found = opens * inside[first + 1 : last].prod() * (inside[last] * stops + end[last])
    return min(1.0, max(0.0, float(found)))  # rounding may lead out of the probabilities
