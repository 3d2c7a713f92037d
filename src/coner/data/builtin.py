"""TOML files by name: those that come with the package, in ``taxonomies/``, ``maps/`` and so on, or a user's own."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from coner.core.errors import DataError
from coner.core.untrusted import check_values


def builtin_names(folder: str) -> list[str]:
    """The names of the files in a folder of the package."""
    files = resources.files("coner.data").joinpath(folder).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_toml(name: str, folder: str, kind: str) -> tuple[dict[str, Any], Path]:
    """The values of a built-in file or of a path, and the path to report in errors.

    ``DataError`` if there is no such file, or it is not TOML; ``kind`` says in the message what it should be.
    """
    text, path = load_text(name, folder, kind)
    return parse_toml(text, path), path


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """The values of a text of TOML; ``DataError`` if it is none, with the path."""
    try:
        values = tomllib.loads(text)
        check_values(values)
        return values
    except (ValueError, RecursionError) as error:
        raise DataError(f"not valid TOML: {error or 'nested too deep'}", path) from None


def load_text(name: str, folder: str, kind: str) -> tuple[str, Path]:
    """The text of a built-in file or of a path, and the path to report in errors; for errors see ``load_toml``."""
    builtin = builtin_names(folder)
    path = Path(f"{name}.toml" if name in builtin else name)
    file = resources.files("coner.data").joinpath(folder, path.name) if name in builtin else path
    try:
        if not file.is_file():
            raise DataError(f"got {kind} {name!r}; expected one of: {', '.join(builtin)}, or the path of a TOML file")
        return file.read_text(encoding="utf-8"), path
    except UnicodeDecodeError as error:
        raise DataError(f"cannot be read as a {kind}: {error}", path) from None
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as a {kind}: {error}", path) from None
