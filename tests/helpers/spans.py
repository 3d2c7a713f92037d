"""Checks on the spans of one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from coner.core.types import Entity


def disjoint(entities: Sequence[Entity]) -> bool:
    """Whether entities are in text order, not empty, and share no word."""
    return all(e.start < e.end for e in entities) and all(a.end <= b.start for a, b in pairwise(entities))
