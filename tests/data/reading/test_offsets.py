"""Units of offsets: what other languages count is the oracle, Python's codecs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.data.reading.offsets import Offsets, Unit, find_offsets, guess_offsets

CHARACTERS = st.sampled_from([*"abé\u0301שक", "\u093f", "👩", "\u200d", "🚀", "𝔸", " ", "\t", "\n", "\r\n", "\u00a0"])


def seen(text: str, unit: Unit) -> str:
    """The copy of a text that a tool of this unit has."""
    if unit.line_end.startswith("CRLF"):
        text = text.replace("\r\n", "\n")
    elif unit.line_end:
        text = re.sub("(?<!\r)\n", "\r\n", text)
    return text.removeprefix("\ufeff") if unit.mark else text


def length(text: str, unit: Unit) -> int:
    if unit.characters.startswith("UTF-16"):
        return len(text.encode("utf-16-le")) // 2
    return len(text.encode()) if unit.characters.startswith("UTF-8") else len(text)


UNITS = [
    Unit(characters, line_end, mark)
    for characters in ("code points", "UTF-16 code units", "UTF-8 bytes")
    for line_end in ("", "CRLF counted as one", "LF counted as two")
    for mark in ("", "without the byte order mark")
]


@pytest.mark.parametrize("unit", UNITS, ids=str)
@given(st.lists(CHARACTERS, max_size=8), st.lists(CHARACTERS, max_size=8))
def test_a_span_is_found_in_every_unit(unit: Unit, before: list[str], after: list[str]) -> None:
    text = "\ufeff" + "".join(before) + "🏛Rome\u0301x" + "".join(after)
    at = text.index("🏛")
    start = length(seen(text[:at], unit), unit)
    end = start + length("🏛Rome\u0301x", unit)
    assert Offsets(text, unit).span(start, end) == (at, at + 7)
    found = find_offsets(text, [([(start, end)], "🏛Rome\u0301x")])
    assert found.span(start, end) == (at, at + 7)


def test_a_span_that_cuts_a_character_is_none() -> None:
    offsets = Offsets("a👩b", Unit("UTF-16 code units"))
    assert offsets.span(1, 3) == (1, 2)
    assert offsets.span(1, 2) is offsets.span(2, 3) is offsets.span(3, 5) is offsets.span(-1, 1) is None
    assert offsets.span(3, 3) is Offsets("ab").span(1, 1) is None


def claims(text: str, *words: str, shift: int = 0) -> list[tuple[list[tuple[int, int]], str]]:
    places = [(text.index(word) + shift, word) for word in words]
    return [([(at, at + len(word))], word) for at, word in places]


def test_code_points_unless_another_unit_is_better() -> None:
    text = "👩 ada met bob in rome"
    assert find_offsets(text, []).unit == Unit()
    assert find_offsets(text, claims(text, "ada", "bob")).unit == Unit()
    assert str(find_offsets(text, claims(text, "ada", "bob", shift=1)).unit) == "UTF-16 code units"
    # of three repeated texts one may differ, but of two both prove the unit
    mixed = claims(text, "ada", "bob", shift=1) + claims(text, "rome")
    assert find_offsets(text, mixed).unit == Unit("UTF-16 code units")
    assert find_offsets(text, mixed[1:]).unit == Unit()
    # a text that was changed after its annotation is in no unit
    assert find_offsets(text, claims(text, "ada", "bob", "rome", shift=5)).unit == Unit()


def test_the_pieces_of_a_span_are_one_text() -> None:
    text = "👩 ada\r\nlovelace"
    assert find_offsets(text, [([(3, 6), (7, 15)], "ada lovelace")]).unit == Unit(
        "UTF-16 code units", "CRLF counted as one"
    )


def test_without_repeated_texts_the_ends_of_words_decide() -> None:
    text = "👩 ada met bob in rome"
    words = [(0, 1), (2, 5), (6, 9), (10, 13), (14, 16), (17, 21)]
    shifted = [(3, 6), (18, 22)]
    found = guess_offsets(text, shifted, lambda _: words)
    assert (found.unit, found.proved) == (Unit("UTF-16 code units"), False)
    assert [found.span(*span) for span in shifted] == [(2, 5), (17, 21)]
    for spans in ([(2, 5)], [(3, 6), (17, 21)], [(3, 5)], [(99, 100)], []):  # right, mixed, cut, outside, none
        assert guess_offsets(text, spans, lambda _: words).unit == Unit()
