"""Keyboards: which keys are neighbours, from the geometry of their rows.

A layout is a TOML file with a table for each row, from the top: its keys, and the distance of its first key from the
left, in key widths. A space stands for a key without a letter::

    [[row]]
    keys = "qwertyuiop"
    offset = 0.5

A key is a square of width 1. Two keys are neighbours if their sides touch along more than a corner: the next one in the
row, and those of the row above or below at less than one width of horizontal distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coner.core.errors import DataError
from coner.data.builtin import load_toml


@dataclass(frozen=True)
class Keyboard:
    """The neighbours of each key that has any, both in lower case, sorted."""

    neighbours: Mapping[str, tuple[str, ...]]

    @classmethod
    def of_rows(cls, rows: list[tuple[float, str]]) -> Keyboard:
        """Build from the offset and the keys of each row, from the top."""
        places = [
            (key, offset + column, height)
            for height, (offset, keys) in enumerate(rows)
            for column, key in enumerate(keys)
            if key != " "
        ]
        neighbours = {
            key: tuple(sorted(other for other, u, v in places if other != key and _touch(u - x, v - y)))
            for key, x, y in places
        }
        return cls({key: others for key, others in neighbours.items() if others})


def _touch(right: float, down: int) -> bool:
    return abs(right) <= 1 if down == 0 else abs(down) == 1 and abs(right) < 1


def load_keyboard(name: str) -> Keyboard:
    """A built-in layout, or one from a TOML file.

    Raises:
        DataError: there is no such layout, or the file is not one.
    """
    values, path = load_toml(name, "layouts", "layout")
    rows = values.get("row")
    if set(values) != {"row"} or not isinstance(rows, list) or not rows:
        raise DataError('expected a [[row]] for each row of keys, with keys = "..." and offset = ...', path)
    checked = [_row(row, f"row {number}", path) for number, row in enumerate(rows, 1)]
    keys = [key for _, row in checked for key in row if key != " "]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise DataError(f"got key {twice[0]!r} twice; expected each key once", path)
    keyboard = Keyboard.of_rows(checked)
    if not keyboard.neighbours:
        raise DataError("got no two keys side by side; expected rows of keys", path)
    return keyboard


def _row(row: Any, where: str, path: Path) -> tuple[float, str]:
    if not isinstance(row, dict) or set(row) != {"keys", "offset"}:
        raise DataError(f'{where}: expected keys = "..." and offset = ..., and nothing else', path)
    keys, offset = row["keys"], row["offset"]
    if not isinstance(keys, str) or type(offset) not in (int, float) or not abs(offset) < 100:
        raise DataError(f"{where}: expected keys in quotes, and offset as a number of key widths", path)
    for key in keys:
        if key != " " and (not key.isprintable() or key.isspace() or key != key.lower()):
            raise DataError(f"{where}: got key {key!r}; expected visible characters in lower case", path)
    return float(offset), keys
