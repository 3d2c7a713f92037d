"""Annotations with sets of labels, by enumeration: which of all sets of mentions a sentence's regions allow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from hypothesis import strategies as st

from coner.core.types import Entity, Region


def is_allowed(entities: Collection[Entity], regions: Sequence[Region]) -> bool:
    """Whether these mentions, and no others, may be in a sentence: read from the definition of a region."""
    inside = [[e for e in entities if r.start <= e.start and e.end <= r.end and e.label in r.labels] for r in regions]
    if sum(map(len, inside)) < len(entities):  # one in no region, across a border, or with another label
        return False
    return all(
        len(some) == 1 and (some[0].start, some[0].end) == (region.start, region.end)
        for some, region in zip(inside, regions, strict=True)
        if region.whole
    )


@st.composite
def regions_of(draw: st.DrawFn, length: int, labels: Sequence[str]) -> tuple[Region, ...]:
    """Regions of a sentence, touching ones too."""
    borders = sorted(draw(st.sets(st.integers(0, length), min_size=2)))
    regions = []
    for start, end in pairwise(borders):
        if draw(st.booleans()) or draw(st.booleans()):
            some = draw(st.sets(st.sampled_from(labels), min_size=1))
            regions.append(Region(start, end, frozenset(some), whole=draw(st.booleans())))
    return tuple(regions)
