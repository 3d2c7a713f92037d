"""Names one edit apart: against the edit distance by its definition, and in sentences."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coner.core.errors import ConfigError, ModelError
from coner.knowledge.description import VARIANTS
from coner.knowledge.embedded import open_embedded
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.normalisation import NormalisationSettings, Normaliser
from coner.knowledge.spans import NormalisedWords
from coner.knowledge.variants import Variants, one_edit_apart, write_variants
from helpers.names import knowledge

NAMES = "name,types\nmiles davis,Artist\nreykjavik,City\nwindows 95,Software\nbasel,City\nmarianne,A\nmarianna,B\n"
SHORT = st.text("abc ", max_size=6)


def distance(one: str, other: str) -> int:
    """Insertions, deletions, replacements, and swaps of adjacent characters (optimal string alignment)."""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(one), len(other)]


@given(SHORT, SHORT)
@example("ab", "ba")
@example("aab", "aba")
@example("abc", "abc")
def test_one_edit_is_a_distance_of_one(one: str, other: str) -> None:
    assert one_edit_apart(one, other) == (distance(one, other) == 1)


@given(st.lists(st.text("ab ", min_size=6, max_size=12), unique=True, max_size=12), st.text("ab ", max_size=12))
def test_the_index_finds_the_only_long_name_one_edit_apart(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], text: str
) -> None:
    path = tmp_path_factory.mktemp("index") / VARIANTS
    write_variants(enumerate(names), path)
    near = [number for number, name in enumerate(names) if len(name) >= 8 and distance(name, text) == 1]
    places = [0, len(text) + 3], [len(text), 2 * len(text) + 3]
    found = Variants(path, names.__getitem__).near(f"{text} b {text}", *places)
    assert found == ({0: near[0], 1: near[0]} if len(near) == 1 else {})


@given(st.lists(st.sampled_from(["a", "b-c", "", "!", "東京", "d-e/f", "Rhône"]), max_size=7), st.integers(1, 5))
def test_arrays_of_windows_hold_those_that_are_built_one_by_one(words: list[str], longest: int) -> None:
    normalise = Normaliser(NormalisationSettings())
    sentence = NormalisedWords.of(words, normalise)
    found = [
        (sentence.words[i], sentence.words[j] + 1, sentence.text[sentence.starts[i] : sentence.ends[j]])
        for i, j in zip(*sentence.windows(longest), strict=True)
    ]
    parts = [(i, part) for i, word in enumerate(words) if (part := normalise(word))]
    runs = [parts[first:last] for first in range(len(parts)) for last in range(first + 1, len(parts) + 1)]
    texts = [(run[0][0], run[-1][0] + 1, " ".join(part for _, part in run)) for run in runs]
    assert found == [(start, end, text) for start, end, text in texts if text.count(" ") < longest]


def test_names_with_a_typo_are_found_in_sentences_only_on_request(tmp_path: Path) -> None:
    words = ["Mlies", "Davis", "played", "in", "Reykjavk", "and", "Reykjavík", "."]
    assert [(m.start, m.end) for m in knowledge(tmp_path / "exact", NAMES).match(words)] == [(6, 7)]
    near = knowledge(tmp_path / "near", NAMES, edits=1)
    found = near.match(words)
    assert [(m.start, m.end, *m.types) for m in found] == [(0, 2, "Artist"), (4, 5, "City"), (6, 7, "City")]
    assert [candidate.name for candidate in near.lookup("Mlies Davis")] == ["miles davis"]
    assert near.lookup("M. Davis") == []


@pytest.mark.parametrize("text", ["basle", "windows 98", "windows 9", "mariannx", "rekjavk"])
def test_short_names_digits_and_ambiguous_typos_are_not_matched(tmp_path: Path, text: str) -> None:
    assert knowledge(tmp_path, NAMES, edits=1).match(text.split()) == []


def test_an_embedded_knowledge_base_finds_the_same(tmp_path: Path) -> None:
    near = knowledge(tmp_path, NAMES, edits=1)
    near.embed(tmp_path / "embedded")
    words = ["miles", "davids", "/", "miles", "davis", "/", "reikjavik"]
    own, embedded = near.match(words), open_embedded(tmp_path / "embedded").match(words)
    assert embedded == own
    assert len(own) == 3


@pytest.mark.parametrize("content", [b"\xff" * 8 * 100, bytes(range(256)) * 100])
def test_a_damaged_index_finds_nothing_or_is_refused(tmp_path: Path, content: bytes) -> None:
    knowledge(tmp_path, NAMES, edits=1)
    path = tmp_path / "kb" / VARIANTS
    path.write_bytes((content * 100)[: path.stat().st_size])
    near = FolderKnowledge(tmp_path / "kb")
    try:
        assert near.match(["mlies", "davis"]) == []
    except ModelError as error:
        assert "edits.bin: is damaged" in str(error)
    with pytest.raises(ModelError, match="is not the file that"):
        FolderKnowledge(tmp_path / "kb", check=True)


def test_a_very_long_word_takes_no_time(tmp_path: Path) -> None:
    assert knowledge(tmp_path, NAMES, edits=1).match(["a" * 1_000_000, "davis"]) == []


def test_a_server_does_not_take_it(tmp_path: Path) -> None:
    pytest.importorskip("opensearchpy")
    from coner.knowledge.opensearch import upload

    with pytest.raises(ConfigError, match="allows a typo"):
        next(upload(knowledge(tmp_path, NAMES, edits=1), None, "names"))  # type: ignore[arg-type]
