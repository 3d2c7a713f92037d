"""Surface forms located in the sentence: each rule, and properties of any answer."""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.types import Entity, Sentence
from coner.families.llm.answers.alignment import SurfaceMention, align
from coner.families.llm.answers.events import total
from helpers.fake_model import sentence
from helpers.spans import disjoint


def aligned(text: str, *surfaces: str) -> tuple[list[tuple[int, int]], dict[str, int]]:
    """Spans of the surface forms, and the counts."""
    counts: Counter[str] = Counter()
    found = align(sentence(text), [SurfaceMention(surface, "X") for surface in surfaces], counts)
    return [(entity.start, entity.end) for entity in found], dict(counts)


@pytest.mark.parametrize(
    ("text", "surfaces", "spans", "counts"),
    [
        ("she met ada lovelace", ["ada lovelace"], [(2, 4)], {}),
        # n-th mention to n-th occurrence, in order
        ("rome or rome or rome", ["rome", "rome"], [(0, 1), (2, 3)], {}),
        ("york is not new york but york", ["new york", "york"], [(3, 5), (6, 7)], {}),
        ("paris hilton in paris", ["paris hilton", "paris"], [(0, 2), (3, 4)], {}),
        # out of order: the first free place
        ("a then b", ["b", "a"], [(0, 1), (2, 3)], {}),
        ("rome", ["rome", "rome"], [(0, 1)], {"repeated": 1}),
        # case; the exact form is preferred wherever it is
        ("she met ada", ["ADA"], [(2, 3)], {"case": 1}),
        ("ada or Ada", ["Ada"], [(2, 3)], {}),
        ("STRASSE 7", ["straße 7"], [(0, 2)], {"case": 1}),
        ("jean - luc spoke", ["jean-luc"], [(0, 3)], {"spacing": 1}),
        ("jean-luc spoke", ["jean - luc"], [(0, 1)], {"spacing": 1}),
        ("new york", ["New  York"], [(0, 2)], {"spacing": 1}),
        ("são paulo", ["Sao Paulo"], [(0, 2)], {"unicode": 1}),
        ("antoni\u0301n dvorak", ["antonín dvořák"], [(0, 2)], {"unicode": 1}),
        ("o’brien – smith", ["o'brien - smith"], [(0, 3)], {"unicode": 1}),
        ("क्‍ष है", ["क्ष"], [(0, 1)], {"unicode": 1}),
        ("№ 5", ["No 5"], [(0, 2)], {"unicode": 1}),
        ("in basel , she", ['"basel".'], [(1, 2)], {"punctuation": 1}),
        ("the band ! ! ! played", ["! ! !"], [(2, 5)], {}),
        # within a word: extended at punctuation, rejected between letters
        ("microsoft's plan", ["Microsoft"], [(0, 1)], {"part_of_word": 1}),
        ("the anti-nato vote", ["NATO"], [(1, 2)], {"part_of_word": 1}),
        ("a party", ["art"], [], {"inside_word": 1}),
        ("北京市 人", ["北京"], [], {"inside_word": 1}),
        ("北 京 市", ["北京"], [(0, 2)], {"spacing": 1}),
        ("new york", ["ew yor"], [], {"inside_word": 1}),
        ("new york", ["london", "", "  ", "...", "new york city"], [], {"hallucinated": 5}),
        # overlap: the longer one, else the first
        ("the new york times said", ["new york", "new york times"], [(1, 4)], {"overlap": 1}),
        ("the new york times said", ["new york times", "new york"], [(1, 4)], {"overlap": 1}),
        ("a b c", ["a b", "b c"], [(0, 2)], {"overlap": 1}),
        ("a b c d", ["a b", "c d", "b c"], [(0, 2), (2, 4)], {"overlap": 1}),
        ("a b c d", ["a", "b c", "a b c d"], [(0, 4)], {"overlap": 2}),
        # a displaced mention moves
        ("new york is not york", ["york", "new york"], [(0, 2), (4, 5)], {}),
    ],
)
def test_each_alignment_rule(
    text: str, surfaces: list[str], spans: list[tuple[int, int]], counts: dict[str, int]
) -> None:
    assert aligned(text, *surfaces) == (spans, counts)


def test_equal_words_keep_the_first_label() -> None:
    counts: Counter[str] = Counter()
    found = align(sentence("rome"), [SurfaceMention("rome", "Town"), SurfaceMention("Rome", "Artist")], counts)
    assert found == (Entity(0, 1, "Town"),)
    assert counts == {"repeated": 1}


WORDS = st.lists(
    st.sampled_from(["a", "B", "ab", "á", "b-a", "'s", "北", "京", "!", "\u200d", "ﬁ", "İ", "ß", "क्ष", "a\u0301b"]),
    min_size=1,
    max_size=9,
).map(tuple)


@st.composite
def labelled_sentences(draw: st.DrawFn) -> Sentence:
    """A sentence with any disjoint entities."""
    words = draw(WORDS)
    borders = sorted(draw(st.sets(st.integers(0, len(words)), max_size=8)))
    spans = [span for span in pairwise(borders) if draw(st.booleans())]
    return Sentence(words, tuple(Entity(*span, draw(st.sampled_from("XY"))) for span in spans))


def is_unambiguous(one: Sentence) -> bool:
    """Whether each mention is the first occurrence of its words after the previous mention."""
    reached = 0
    for entity in one.entities or ():
        size = entity.end - entity.start
        first = next(
            (i for i in range(reached, len(one)) if one.words[i : i + size] == one.words[entity.start : entity.end]),
            None,
        )
        if first != entity.start:
            return False
        reached = entity.end
    return True


@given(labelled_sentences())
def test_gold_mentions_are_located(one: Sentence) -> None:
    counts: Counter[str] = Counter()
    found = align(one, [SurfaceMention(one.surface(entity), entity.label) for entity in one.entities or ()], counts)
    if is_unambiguous(one):
        assert found == one.entities
        assert not counts
    assert total(counts, "dropped") == len(one.entities or ()) - len(found)


@given(WORDS, st.lists(st.one_of(st.text(max_size=6), WORDS.map(" ".join), WORDS.map("".join)), max_size=8))
def test_any_surface_forms_give_valid_entities_and_each_is_kept_or_counted(
    words: tuple[str, ...], surfaces: list[str]
) -> None:
    counts: Counter[str] = Counter()
    found = align(Sentence(words), [SurfaceMention(surface, "X") for surface in surfaces], counts)
    assert disjoint(found)
    assert all(0 <= entity.start < entity.end <= len(words) for entity in found)
    assert len(found) + total(counts, "dropped") == len(surfaces)
    assert total(counts, "repaired") <= len(found)


def test_an_endless_repetition_takes_little_time() -> None:
    words, counts = ("rome",) * 50, Counter[str]()
    began = time.process_time()
    found = align(Sentence(words), [SurfaceMention("rome", "City")] * 20_000, counts)
    assert [(entity.start, entity.end) for entity in found] == [(place, place + 1) for place in range(50)]
    assert counts == {"repeated": 20_000 - 50}
    assert time.process_time() - began < 2
