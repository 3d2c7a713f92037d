"""Tag schemes against enumeration: all sets of entities, and all tag sequences."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.tags import (
    PREFIXES,
    InvalidTags,
    Scheme,
    TagSet,
    entities_from_tags,
    may_follow,
    read_tags,
    repair_tags,
    tags_from_entities,
)
from coner.core.types import Entity

SCHEMES: list[Scheme] = ["iob2", "iob1", "bioes"]
LENGTH = 4


def all_entities(length: int, labels: str = "XY", start: int = 0) -> list[tuple[Entity, ...]]:
    """All sets of disjoint labelled spans of a sentence of ``length`` words."""
    if start >= length:
        return [()]
    ways = list(all_entities(length, labels, start + 1))
    for end in range(start + 1, length + 1):
        for label in labels:
            ways += [(Entity(start, end, label), *rest) for rest in all_entities(length, labels, end)]
    return ways


def write(entities: tuple[Entity, ...], length: int, scheme: Scheme) -> list[str]:
    """Tags by the definition of the scheme, word by word."""
    tags = []
    for i in range(length):
        inside = [e for e in entities if e.start <= i < e.end]
        if not inside:
            tags.append("O")
            continue
        (e,) = inside
        touching = any(o.end == e.start and o.label == e.label for o in entities)
        first, last = i == e.start, i == e.end - 1
        prefix = {
            "iob2": "B" if first else "I",
            "iob1": "B" if first and touching else "I",
            "bioes": "S" if first and last else "B" if first else "E" if last else "I",
        }[scheme]
        tags.append(f"{prefix}-{e.label}")
    return tags


@pytest.mark.parametrize("scheme", SCHEMES)
def test_exactly_the_sequences_that_entities_give_are_valid(scheme: Scheme) -> None:
    meaning = {tuple(write(entities, LENGTH, scheme)): entities for entities in all_entities(LENGTH)}
    alphabet = ["O", *(f"{p}-{label}" for label in "XY" for p in PREFIXES[scheme])]
    for tags in product(alphabet, repeat=LENGTH):
        if tags in meaning:
            assert tuple(entities_from_tags(tags, scheme)) == meaning[tags]
        else:
            with pytest.raises(InvalidTags):
                entities_from_tags(tags, scheme)


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_entities_are_written_as_defined(scheme: Scheme) -> None:
    for entities in all_entities(LENGTH):
        assert tags_from_entities(entities, LENGTH, scheme) == write(entities, LENGTH, scheme)


def conlleval_chunks(tags: tuple[str, ...]) -> list[Entity]:
    """The start-of-chunk and end-of-chunk rules of conlleval for IOB tags."""
    chunks, start, label = [], 0, ""
    for i, tag in enumerate((*tags, "O")):
        prefix, _, name = tag.partition("-")
        if label and (prefix in ("O", "B") or name != label):
            chunks.append(Entity(start, i, label))
            label = ""
        if prefix != "O" and not label:
            start, label = i, name
    return chunks


@pytest.mark.parametrize("scheme", ["iob2", "iob1"])
def test_repairs_are_those_of_conlleval(scheme: Scheme) -> None:
    for tags in product(["O", "B-X", "I-X", "B-Y", "I-Y"], repeat=LENGTH):
        assert repair_tags(tags, scheme)[0] == conlleval_chunks(tags)


def test_repair_counts_each_stray_tag_once() -> None:
    tags = ["I-X", "O", "I-X", "I-Y", "B-Y", "I-Y"]
    assert repair_tags(tags) == ([Entity(0, 1, "X"), Entity(2, 3, "X"), Entity(3, 4, "Y"), Entity(4, 6, "Y")], 3)


@pytest.mark.parametrize(
    ("tags", "entities", "repaired"),
    [
        (["B-X", "I-X"], [Entity(0, 2, "X")], 1),  # no end
        (["B-X", "O"], [Entity(0, 1, "X")], 1),  # the next tag is not valid
        (["E-X"], [Entity(0, 1, "X")], 1),  # no beginning
        (["B-X", "S-X"], [Entity(0, 1, "X"), Entity(1, 2, "X")], 1),
        (["I-X", "E-X"], [Entity(0, 2, "X")], 1),
        (["B-X", "E-Y"], [Entity(0, 1, "X"), Entity(1, 2, "Y")], 1),
    ],
)
def test_repairs_of_bioes(tags: list[str], entities: list[Entity], repaired: int) -> None:
    assert repair_tags(tags, "bioes") == (entities, repaired)


@pytest.mark.parametrize("tag", ["", "B", "B-", "-X", "BI-X", "b-X", "O-X", "X", "_", "E-X", "S-X", "o"])
def test_a_malformed_tag_is_reported_and_counts_as_outside(tag: str) -> None:
    with pytest.raises(InvalidTags, match="not one of iob2's") as caught:
        entities_from_tags(["B-X", tag, "B-X"])
    assert caught.value.index == 1
    assert repair_tags(["B-X", tag, "B-X"]) == ([Entity(0, 1, "X"), Entity(2, 3, "X")], 1)


def test_labels_may_contain_dashes_and_slashes() -> None:
    tags = ["B-creative-work", "I-creative-work", "B-Medication/Vaccine"]
    assert entities_from_tags(tags) == [Entity(0, 2, "creative-work"), Entity(2, 3, "Medication/Vaccine")]


def test_faults_have_the_index_of_their_word() -> None:
    faults = read_tags(["O", "I-X", "B-Y", "Z"])[1]
    assert [index for index, _ in faults] == [1, 3]


@pytest.mark.parametrize("tags", [["O", "I-X"], ["B-X"], ["B-X", "I-Y"]])
def test_a_word_has_at_most_one_fault(tags: list[str]) -> None:
    faults = read_tags(tags, "bioes")[1]
    assert len({index for index, _ in faults}) == len(faults) == repair_tags(tags, "bioes")[1]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_may_follow_agrees_with_the_strict_reader(scheme: Scheme, data: st.DataObject) -> None:
    alphabet = ["O", *(f"{p}-{label}" for label in "XY" for p in PREFIXES[scheme])]
    tags = data.draw(st.lists(st.sampled_from(alphabet), min_size=1, max_size=12))
    steps = zip([None, *tags], [*tags, None], strict=True)
    assert all(may_follow(a, b, scheme) for a, b in steps) == (not read_tags(tags, scheme)[1])


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
@given(data=st.data())
def test_a_tag_set_decodes_what_it_encodes(scheme: Scheme, data: st.DataObject) -> None:
    entities = data.draw(st.sampled_from(all_entities(LENGTH)))
    tags = TagSet(["Y", "X"], scheme)
    assert tags.decode(tags.encode(entities, LENGTH)) == (list(entities), 0)


def test_a_tag_set_needs_distinct_labels_and_a_scheme_to_write() -> None:
    with pytest.raises(ValueError, match="read"):
        TagSet(["X"], "iob1")
    for labels in ([], ["X", "X"]):
        with pytest.raises(ValueError, match="at least one label, each once"):
            TagSet(labels)
    with pytest.raises(ValueError, match="read only"):
        tags_from_entities([], 1, "iob1")
