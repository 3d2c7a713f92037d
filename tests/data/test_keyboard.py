"""Keyboards: neighbours as seen on pictures, and faulty layouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.core.errors import DataError
from coner.data.builtin import builtin_names
from coner.data.noise import load_keyboard

# Looked up by eye on pictures of the three keyboards.
SEEN = {
    "qwerty": {"q": "12wa", "g": "tyfhvb", "m": "njk", "p": "0ol", "1": "2q", "z": "asx"},
    "qwertz": {"z": "67tugh", "y": "asx", "ß": "0pü", "ö": "pülä", "ä": "öü", "m": "njk"},
    "azerty": {"a": "ézq", "q": "azsw", "m": "lpù", "é": "az", "ç": "iào", "n": "bhj"},
}


@pytest.mark.parametrize("name", SEEN)
def test_neighbours_are_those_on_pictures(name: str) -> None:
    found = load_keyboard(name)
    assert {key: set(found[key]) for key in SEEN[name]} == {key: set(near) for key, near in SEEN[name].items()}


def test_builtin_layouts_are_complete() -> None:
    assert builtin_names("layouts") == sorted(SEEN)
    for name in SEEN:
        found = load_keyboard(name)
        assert set("abcdefghijklmnopqrstuvwxyz") <= set(found)
        for key, others in found.items():
            assert key not in others
            assert all(key in found[other] for other in others), "to be beside is mutual"
            assert 1 <= len(others) <= 6


def test_a_layout_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[[row]]\nkeys = "ab d"\noffset = 0\n[[row]]\nkeys = "éf"\noffset = -1\n', encoding="utf-8")
    assert load_keyboard(str(path)) == {"a": ["b", "f"], "b": ["a"], "é": ["f"], "f": ["a", "é"]}


ROW = '[[row]]\nkeys = "{}"\noffset = {}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected a \[\[row\]\]"),
        ("row = 3", r"expected a \[\[row\]\]"),
        ("row = [3]", "row 1: expected keys"),
        (ROW.format("ab", 0) + "[other]\n", r"expected a \[\[row\]\]"),
        ("[[row]\n", "not valid TOML"),
        (ROW.format("ab", 0) + '[[row]]\nkeys = "c"\n', "row 2: expected keys"),
        (ROW.format("ab", '"0"'), "row 1: expected keys in quotes"),
        (ROW.format("ab", "nan"), "row 1: expected keys in quotes"),
        (ROW.format("aB", 0), "row 1: got key 'B'"),
        (ROW.format("a\u200b", 0), "row 1: got key .*; expected visible"),
        (ROW.format("a\u2003b", 0), "row 1: got key .*; expected visible"),
        (ROW.format("ab", 0) + ROW.format("cb", 0), "got key 'b' twice"),
        (ROW.format("a b", 0), "got no two keys side by side"),
    ],
)
def test_a_faulty_layout_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"odd\.toml: {message}[^\n]*$"):
        load_keyboard(str(path))


def test_an_unknown_layout_gives_the_list() -> None:
    message = "^got layout 'dvorak'; expected one of: azerty, qwerty, qwertz, or the path of a TOML file$"
    with pytest.raises(DataError, match=message):
        load_keyboard("dvorak")
