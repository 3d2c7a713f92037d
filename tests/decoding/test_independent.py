"""Probabilities of entities from words that decide for themselves."""

from __future__ import annotations

import numpy as np

from coner.core.tags import TagSet
from coner.core.types import Entity
from coner.decoding.independent import span_probability


def test_rounding_makes_no_confidence_above_one() -> None:
    tags, chance = TagSet(["A", "B"]), np.random.default_rng(0)
    found = []
    for _ in range(3000):
        logits = chance.normal(size=(3, len(tags))) * 60  # as sure as a tagger can be
        rows = np.exp(logits - logits.max(1, keepdims=True))
        rows /= rows.sum(1, keepdims=True)
        spans = [Entity(s, e, label) for s in range(3) for e in range(s + 1, 4) for label in tags.labels]
        found += [span_probability(rows, span, tags) for span in spans]
    assert max(found) == 1.0
    assert min(found) >= 0.0
