"""The tags that regions allow, against all valid tag sequences."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.tags import Scheme, TagSet
from coner.core.types import Region
from helpers.chain_oracle import SCHEMES, valid_paths
from helpers.set_oracle import is_allowed, regions_of

LENGTH = {"iob2": 4, "bioes": 3}
TAGS = {scheme: TagSet(["A", "B"], scheme) for scheme in SCHEMES}
PATHS = {scheme: [valid_paths(TAGS[scheme], n) for n in range(LENGTH[scheme] + 1)] for scheme in SCHEMES}


@given(st.data())
@pytest.mark.parametrize("scheme", SCHEMES)
def test_valid_sequences_of_allowed_tags_are_what_the_regions_allow(scheme: Scheme, data: st.DataObject) -> None:
    tags, length = TAGS[scheme], data.draw(st.integers(1, LENGTH[scheme]))
    regions = data.draw(regions_of(length, tags.labels))
    allowed = set(product(*tags.allowed_by(regions, length)))
    for path, entities in PATHS[scheme][length]:
        assert (path in allowed) == is_allowed(entities, regions), (path, regions)


def test_a_mention_keeps_its_words_between_stretches_where_its_label_is_possible_too() -> None:
    labels = frozenset(["A"])
    regions = (Region(0, 1, labels, whole=False), Region(1, 3, labels, whole=True), Region(3, 5, labels, whole=False))
    tags = TagSet(["A"])
    names = [[tags.tags[i] for i in ids] for ids in tags.allowed_by(regions, 6)]
    assert names == [["O", "B-A"], ["B-A"], ["I-A"], ["O", "B-A"], ["O", "B-A", "I-A"], ["O"]]
