"""Nested and overlapping entities of a file, and the flat ones that a sentence keeps.

Of nested entities the outermost is kept, or the innermost. Of two that overlap otherwise it is the one that starts
first, or with ``inner`` the shorter one; of two labels of one span the first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

Nested = Literal["outer", "inner"]
KEPT: dict[Nested, str] = {"outer": "outermost", "inner": "innermost"}


@dataclass(frozen=True, slots=True)
class Mark:
    """An entity as a file has it: a half-open span of characters; ``number`` is its line, task, row or document."""

    start: int
    end: int
    label: str
    score: float
    number: int
    kb_id: str = ""

    def __str__(self) -> str:
        return f"entity {self.start}-{self.end} {self.label!r}"


Placed = tuple[int, int, Mark]  # the first word of an entity, and the word after its last


def distinct(placed: Sequence[Placed]) -> list[Placed]:
    """Each span with each label once: the one of the highest score."""
    best: dict[tuple[int, int, str], Placed] = {}
    for first, last, mark in placed:
        before = best.setdefault((first, last, mark.label), (first, last, mark))
        if mark.score > before[2].score:
            best[first, last, mark.label] = (first, last, mark)
    return list(best.values())


def flatten(placed: Sequence[Placed], nested: Nested) -> tuple[list[Placed], list[tuple[Placed, Placed]]]:
    """The entities that are kept, in the order of the text; and each of the others, with a kept one that it overlaps.

    ``placed``: distinct, in the order of the file.
    """
    outer = nested == "outer"
    kept: list[Placed] = []
    others: list[tuple[Placed, Placed]] = []
    for item in sorted(placed, key=lambda i: (i[0], -i[1]) if outer else (i[1] - i[0], i[0])):
        first, last, _ = item
        at = bisect_left(kept, first, key=itemgetter(0))
        in_way = [other for other in kept[max(at - 1, 0) : at + 1] if other[0] < last and first < other[1]]
        if in_way:
            others.append((item, in_way[0]))
        else:
            kept.insert(at, item)
    return kept, others


def is_nested(one: Placed, two: Placed) -> bool:
    """Whether the words of one are all in the other."""
    return (one[0] <= two[0] and two[1] <= one[1]) or (two[0] <= one[0] and one[1] <= two[1])
