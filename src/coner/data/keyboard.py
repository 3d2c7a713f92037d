"""Keyboards: which keys are neighbours, from the geometry of their rows.

A layout is a TOML file with a ``[[row]]`` for each row, from the top: its ``keys``, where a space stands for a key
without a letter, and the ``offset`` of its first key from the left, in key widths. Two keys are neighbours if their
sides touch along more than a corner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coner.core.errors import DataError
from coner.data.builtin import load_toml

Keyboard = Mapping[str, Sequence[str]]  # the neighbours of each key that has any, both in lower case, sorted


def load_keyboard(name: str) -> Keyboard:
    """A built-in layout, or one from a TOML file; ``DataError`` if there is none, or the file is faulty."""
    values, path = load_toml(name, "layouts", "layout")
    rows = values.get("row")
    if set(values) != {"row"} or not isinstance(rows, list) or not rows:
        raise DataError('expected a [[row]] for each row of keys, with keys = "..." and offset = ...', path)
    places: dict[str, tuple[float, int]] = {}  # of each key
    for number, row in enumerate(rows, 1):
        match row:
            case {"keys": str(keys), "offset": (int() | float()) as offset} if len(row) == 2 and abs(offset) < 100:
                pass
            case _:
                expected = "expected keys in quotes, offset as a number of key widths, and nothing else"
                raise DataError(f"row {number}: {expected}", path)
        for column, key in enumerate(keys):
            if key == " ":
                continue
            if not key.isprintable() or key.isspace() or key != key.lower():
                message = f"row {number}: got key {key!r}; expected visible characters in lower case"
                raise DataError(message, path)
            if key in places:
                raise DataError(f"got key {key!r} twice; expected each key once", path)
            places[key] = offset + column, number
    neighbours: dict[str, Sequence[str]] = {}
    for key, place in places.items():
        if near := [other for other in places if _touch(place, places[other])]:
            neighbours[key] = sorted(near)
    if not neighbours:
        raise DataError("got no two keys side by side; expected rows of keys", path)
    return neighbours


def _touch(a: tuple[float, int], b: tuple[float, int]) -> bool:
    right, down = abs(a[0] - b[0]), abs(a[1] - b[1])
    return 0 < right <= 1 if down == 0 else down == 1 and right < 1
