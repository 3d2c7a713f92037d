"""Names in sentences, against a search through all spans."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.knowledge.entry import Match
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.knowledge import leftmost_longest
from coner.knowledge.normalisation import NormalisationSettings, Normaliser
from helpers.names import knowledge

NAMES = ["a", "b", "a b", "a b c", "b-c", "Ba", "a a a a a a a a", "a a a a a a a a a", "c.", "é", "京都"]
normalise = Normaliser(NormalisationSettings())


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> FolderKnowledge:
    return knowledge(tmp_path_factory.mktemp("letters"), "name,types\n" + "".join(f"{n},T\n" for n in NAMES))


def all_spans(words: Sequence[str]) -> set[tuple[int, int]]:
    """Spans that begin and end with a word that is more than punctuation, and read like a name."""
    keys, parts, found = {normalise(name) for name in NAMES}, [normalise(word) for word in words], set()
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            inside = [part for part in parts[start:end] if part]
            if parts[start] and parts[end - 1] and " ".join(inside) in keys:
                found.add((start, end))
    return found


@given(
    st.lists(
        st.sampled_from(["a", "A", "b", "c", "B-C", "-", ".", "é", "e", "ba", "京", "都", "京都", "x"]), max_size=12
    )
)
def test_the_matches_are_all_spans_that_read_like_a_name(letters: FolderKnowledge, words: list[str]) -> None:
    matches = letters.match(words)
    assert {(match.start, match.end) for match in matches} == all_spans(words)
    assert matches == sorted(matches, key=lambda match: (match.start, match.end))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), max_size=8))
def test_the_leftmost_longest_matches_do_not_overlap(spans: list[tuple[int, int]]) -> None:
    matches = [Match(start, start + size, 0, {}, 1, 0) for start, size in sorted(set(spans))]
    kept = leftmost_longest(matches)
    assert all(a.end <= b.start for a, b in pairwise(kept))
    for match in matches:
        rivals = [k for k in kept if k.start < match.end and match.start < k.end]
        assert any(k.start < match.start or (k.start == match.start and k.end >= match.end) for k in rivals)


def test_a_name_ends_where_a_word_ends(tmp_path: Path) -> None:
    kb = knowledge(tmp_path)
    assert [(m.start, m.end) for m in kb.match(["davisson", "davis"])] == [(1, 2)]
    assert [(m.start, m.end) for m in kb.match(["jean", "-", "luc", "picard"])] == [(0, 4)]
    assert [(m.start, m.end) for m in kb.match([*"在東京大学"])] == [(1, 5)]


def test_an_ambiguous_name_keeps_every_type_with_its_share_of_the_prior(tmp_path: Path) -> None:
    [match] = knowledge(tmp_path).match(["Davis"])
    assert match.types == pytest.approx({"Artist": 121 / 162, "City": 41 / 162}, rel=1e-6)
    assert (match.entries, match.prior) == (2, 160)
    first, second = knowledge(tmp_path / "again").candidates(match)
    assert (first.name, first.id, second.description) == ("Miles Davis", "q1", "city in California")
    assert first.weight + second.weight == pytest.approx(1)


def test_a_lookup_normalises_the_name(tmp_path: Path) -> None:
    kb = knowledge(tmp_path)
    assert [one.name for one in kb.lookup("SIGUR ROS")] == ["Sigur Rós"]
    assert kb.lookup("sigur") == kb.lookup("") == []


def test_what_is_kept_of_the_spelling_must_be_equal(tmp_path: Path) -> None:
    kb = knowledge(tmp_path, normalisation=NormalisationSettings(case="keep"))
    assert kb.match(["davis"]) == []
    assert len(kb.match(["Davis"])) == 1
