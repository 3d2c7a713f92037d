"""Words of plain text: every character has its place."""

from __future__ import annotations

import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.data.formats.text import TextReader
from coner.data.reading.spans import BLANK_LINE
from coner.data.reading.words import character_span, paragraph_spans, raw_text, sentence_from_text, split_words

TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(" \t\xa0\u3000\u200b\u200c\u200d\u2060\ufeff\ufe0f\u0301\u09cd\u093f'’-.,&_ks1北"),
    ),
    max_size=40,
)


def words(text: str) -> list[str]:
    return [text[a:b] for a, b in split_words(text)]


@given(TEXTS)
def test_words_cover_all_characters_except_white_space(text: str) -> None:
    covered = [False] * len(text)
    reached = 0
    for start, end in split_words(text):
        assert reached <= start < end
        reached = end
        covered[start:end] = [True] * (end - start)
    assert covered == [not character.isspace() for character in text]


@given(TEXTS)
def test_marks_and_zero_width_characters_never_begin_a_word_inside_a_run(text: str) -> None:
    for start, _ in split_words(text):
        if unicodedata.category(text[start]) in ("Mn", "Mc", "Me", "Cf"):
            assert start == 0 or text[start - 1].isspace()


@given(st.text(string.ascii_letters + string.digits + "_हिন্\u200d\u0301", min_size=1, max_size=30))
def test_a_run_of_letters_digits_and_marks_is_one_word(text: str) -> None:
    assert words(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("she met ada.", ["she", "met", "ada", "."]),
        ("ada's cat, o'brien's dog", ["ada", "'s", "cat", ",", "o'brien", "'s", "dog"]),
        ("the jean-luc at&t 3.5 1,000 a,b", ["the", "jean-luc", "at&t", "3.5", "1,000", "a", ",", "b"]),
        ("(u.s.) -- 'tis", ["(", "u.s", ".", ")", "-", "-", "'", "tis"]),
        ("क्षत्रिय और दिल्ली।", ["क्षत्रिय", "और", "दिल्ली", "।"]),
        ("র‍্যাব ঢাকায়", ["র‍্যাব", "ঢাকায়"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("他在北京, ok", ["他", "在", "北", "京", ",", "ok"]),
        ("don’t cafe\u0301s", ["don’t", "cafe\u0301s"]),
        ("a\xa0b\u2028c", ["a", "b", "c"]),
        ("", []),
        (" \t\u3000", []),
    ],
)
def test_words_of_real_texts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_a_very_long_text_is_split_at_once() -> None:
    assert len(split_words("-'s.a" * 20_000)) > 1
    assert words("x" * 100_000) == ["x" * 100_000]


def test_lines_become_sentences_that_map_back_to_characters(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"she met  ada lovelace.\r\n \n\nok\n")
    first, second = TextReader(path)
    assert (first.line, second.line, second.words) == (1, 4, ("ok",))
    assert first.entities is None
    assert first.text is not None
    start, end = character_span(Entity(2, 4, "Scientist"), first.offsets)
    assert first.text[start:end] == "ada lovelace"


def test_text_without_a_word_is_not_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without a word"):
        sentence_from_text(" \xa0")
    (tmp_path / "x.txt").write_text(" \n\n")
    with pytest.raises(DataError, match=r"x\.txt: got no sentence"):
        list(TextReader(tmp_path / "x.txt"))


def test_a_no_break_space_is_a_word_if_words_are_split_at_ascii_spaces(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("ada\n\u00a0\n \t\nbob\n", encoding="utf-8")
    assert [s.words for s in TextReader(tmp_path / "x.txt", words="spaces")] == [("ada",), ("\u00a0",), ("bob",)]
    assert [s.words for s in TextReader(tmp_path / "x.txt")] == [("ada",), ("bob",)]


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=6))
def test_words_without_a_text_are_joined_by_spaces(given: list[str]) -> None:
    text, offsets = raw_text(Sentence(tuple(given)))
    assert text == " ".join(given)
    assert [text[a:b] for a, b in offsets] == given


def test_wrapped_lines_are_one_paragraph(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"\nin new\r\nyork\n \t\nbob\n\n\nhe\nis\nhere")
    found = list(TextReader(tmp_path / "x.txt", lines="wrapped"))
    assert [(s.words, s.line) for s in found] == [
        (("in", "new", "york"), 2),
        (("bob",), 5),
        (("he", "is", "here"), 8),
    ]
    assert found[0].text == "in new\nyork"


@given(TEXTS)
def test_paragraphs_hold_every_word_of_their_lines(text: str) -> None:
    spans = list(paragraph_spans(text))
    assert all(text[a:b].strip() and not BLANK_LINE.search(text[a:b]) for a, b in spans)
    assert [w for a, b in spans for w in text[a:b].split()] == text.split()
