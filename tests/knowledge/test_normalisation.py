"""What makes no difference between a name and words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.knowledge.normalisation import NormalisationSettings, Normaliser

KEEP = NormalisationSettings(case="keep", accents="keep", punctuation="keep", width="keep")


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("Sigur Rós", "sigur ros"),
        ("AT&T Inc.", "at t inc"),
        ("Jean-Luc", "jean luc"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ﬁne", "fine"),  # a ligature
        ("Ｔｏｋｙｏ", "tokyo"),
        ("東京大学", "東 京 大 学"),
        ("c++", "c++"),
        ("हिन्दी", "हिन्दी"),  # vowel signs are no accents
        ("...", ""),
        ("a\u200bb", "a b"),
    ],
)
def test_spelling_that_makes_no_difference_is_removed(text: str, normalised: str) -> None:
    assert Normaliser(NormalisationSettings())(text) == normalised


@pytest.mark.parametrize("text", ["Sigur Rós", "AT&T", "Straße"])
def test_each_part_of_it_can_be_kept(text: str) -> None:
    assert Normaliser(KEEP)(text) == text


@given(st.text(max_size=30), st.sampled_from(["fold", "keep"]), st.sampled_from(["split", "keep"]))
def test_a_normalised_text_is_normalised(text: str, case: str, punctuation: str) -> None:
    normalise = Normaliser(NormalisationSettings.model_validate({"case": case, "punctuation": punctuation}))
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())


@given(st.lists(st.text(min_size=1, max_size=8), max_size=6))
def test_words_are_normalised_one_by_one_as_in_their_text(words: list[str]) -> None:
    normalise = Normaliser(NormalisationSettings())
    # Letters of one word may change with what follows it, such as the final sigma; a space keeps words apart.
    apart = " ".join(part for word in words if (part := normalise(word)))
    together = normalise(" ".join(words))
    assert unicodedata.normalize("NFC", apart) == together
