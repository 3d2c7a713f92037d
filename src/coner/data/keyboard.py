"""Keyboards: which keys lie beside which, from the geometry of their rows.

A layout is a TOML file: a table a row, from the top, with its keys and how far its first key lies to the right, in
widths of a key. A space stands for a key without a letter::

    [[row]]
    keys = "qwertyuiop"
    offset = 0.5

A key is a square of width 1. Two keys are neighbours where their sides touch along more than a corner: the next one in
the row, and those of the row above or below that lie less than one width aside.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from coner.core.errors import DataError


@dataclass(frozen=True)
class Keyboard:
    """Neighbours of each key that has any, both in lower case, sorted."""

    neighbours: Mapping[str, tuple[str, ...]]

    @classmethod
    def of_rows(cls, rows: list[tuple[float, str]]) -> Keyboard:
        """From the offset and the keys of each row, from the top."""
        places = [
            (key, offset + column, height)
            for height, (offset, keys) in enumerate(rows)
            for column, key in enumerate(keys)
            if key != " "
        ]
        found = {
            key: tuple(sorted(other for other, u, v in places if other != key and _touch(u - x, v - y)))
            for key, x, y in places
        }
        return cls({key: others for key, others in found.items() if others})


def _touch(right: float, down: int) -> bool:
    return abs(right) <= 1 if down == 0 else abs(down) == 1 and abs(right) < 1


def packaged_layouts() -> list[str]:
    """Layouts that come with the package."""
    folder = resources.files("coner.data").joinpath("layouts")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_keyboard(name: str) -> Keyboard:
    """A packaged layout by its name, or one from a TOML file.

    Raises:
        DataError: there is no such layout, or the file is not one.
    """
    if name in packaged_layouts():
        text = resources.files("coner.data").joinpath("layouts", f"{name}.toml").read_text(encoding="utf-8")
        return _parse(text, Path(f"{name}.toml"))
    path = Path(name)
    if not path.is_file():
        known = ", ".join(packaged_layouts())
        raise DataError(f"layout {name!r} is neither packaged nor a TOML file; expected one of: {known}, or a path")
    try:
        return _parse(path.read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read as a keyboard layout: {error}", path) from None


def _parse(text: str, path: Path) -> Keyboard:
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"not valid TOML: {error}", path) from None
    rows = values.get("row")
    if set(values) != {"row"} or not isinstance(rows, list) or not rows:
        raise DataError('expected a [[row]] for each row of keys, with keys = "..." and offset = ...', path)
    found = [_row(row, f"row {number}", path) for number, row in enumerate(rows, 1)]
    keys = [key for _, row in found for key in row if key != " "]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise DataError(f"key {twice[0]!r} is there twice; expected each one once", path)
    keyboard = Keyboard.of_rows(found)
    if not keyboard.neighbours:
        raise DataError("no two keys lie side by side; expected rows of keys", path)
    return keyboard


def _row(row: Any, where: str, path: Path) -> tuple[float, str]:
    if not isinstance(row, dict) or set(row) != {"keys", "offset"}:
        raise DataError(f'{where}: expected keys = "..." and offset = ..., and nothing else', path)
    keys, offset = row["keys"], row["offset"]
    if not isinstance(keys, str) or type(offset) not in (int, float) or not abs(offset) < 100:
        raise DataError(f"{where}: expected keys in quotes, and offset as a number of key widths", path)
    for key in keys:
        if key != " " and (not key.isprintable() or key.isspace() or key != key.lower()):
            raise DataError(f"{where}: {key!r} is no key; expected visible characters in lower case", path)
    return float(offset), keys
