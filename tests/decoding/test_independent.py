"""Span probabilities when the tags of all words are independent."""

from __future__ import annotations

import numpy as np

from coner.core.tags import TagSet
from coner.decoding.spans import span_probability
from helpers.chain_oracle import all_spans


def test_probabilities_stay_between_0_and_1_despite_rounding() -> None:
    tags, rng = TagSet(["A", "B"]), np.random.default_rng(0)
    values = []
    for _ in range(3000):
        logits = rng.normal(size=(3, len(tags))) * 60
        rows = np.exp(logits - logits.max(1, keepdims=True))
        rows /= rows.sum(1, keepdims=True)
        values += [span_probability(rows, span, tags) for span in all_spans(tags, 3)]
    assert max(values) == 1.0
    assert min(values) >= 0.0
