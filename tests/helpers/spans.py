"""The entities of sentences, to check and to compare."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from coner.core.types import Entity
from coner.data import read


def disjoint(entities: Sequence[Entity]) -> bool:
    """Whether entities are in text order, not empty, and share no word."""
    return all(e.start < e.end for e in entities) and all(a.end <= b.start for a, b in pairwise(entities))


def mentions(path: Path, **options: object) -> list[tuple[tuple[str, ...], list[str] | None]]:
    """Words of each sentence, and its entities with their labels."""
    return [
        (s.words, None if s.entities is None else [f"{e.label}: {s.surface(e)}" for e in s.entities])
        for s in read(path, **options)  # type: ignore[arg-type]
    ]
