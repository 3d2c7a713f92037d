"""TOML files by name: those that come with the package, in ``taxonomies/``, ``maps/`` and so on, or a user's own."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from coner.core import untrusted
from coner.core.errors import DataError
from coner.core.untrusted import read_regular


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
    """Parse TOML; ``DataError`` with the path if it is invalid."""
    try:
        return untrusted.parse_toml(text)
    except ValueError as error:
        raise DataError(f"not valid TOML: {error}", path) from None


def load_text(name: str, folder: str, kind: str) -> tuple[str, Path]:
    """The text of a built-in file or of a path, and the path to report in errors; for errors see ``load_toml``."""
    builtin = builtin_names(folder)
    path = Path(f"{name}.toml" if name in builtin else name)
    try:
        if name in builtin:
            return resources.files("coner.data").joinpath(folder, path.name).read_text(encoding="utf-8"), path
        if path.is_dir() or not path.exists():
            raise DataError(f"got {kind} {name!r}; expected one of: {', '.join(builtin)}, or the path of a TOML file")
        return read_regular(path).decode("utf-8-sig"), path
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as a {kind}: {error}", path) from None
