"""Load configs: TOML files, including those of the package, with dotted overrides."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from coner.core import untrusted
from coner.core.errors import ConfigError
from coner.core.untrusted import check_values

BUILTIN = Path(__file__).with_name("builtin")


def builtin_configs() -> dict[str, Path]:
    """The configs that come with the package, by name."""
    return {path.stem: path for path in sorted(BUILTIN.glob("*.toml"), key=lambda path: path.stem)}


def find_config(source: str | Path) -> Path | None:
    """The file of a config: a path that ends in ``.toml``, or the name of a built-in one if no file has this name."""
    path = Path(source)
    if path.suffix.lower() == ".toml":
        return path
    return None if path.is_file() else builtin_configs().get(str(source))


def load_values(source: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a config, a file or a built-in one, and apply overrides, without validation.

    ``name`` defaults to the name of the file. ``ConfigError`` if there is no such config.
    """
    path = find_config(source) or Path(source)
    if not path.exists() and path.suffix.lower() != ".toml":
        known = ", ".join(builtin_configs())
        raise ConfigError(f"{source}: no such config; expected a TOML file, or one of the built-in: {known}")
    return apply_overrides({"name": path.stem.encode(errors="replace").decode(), **read_toml(path)}, overrides)


def apply_overrides(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of ``values``, changed by ``key.path=value`` texts, whose values are TOML or plain strings."""
    changed = deepcopy(dict(values))
    for text in overrides:
        _apply(changed, text)
    return changed


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as plain values; ``ConfigError`` where it cannot be read."""
    try:
        return untrusted.read_toml(path)
    except ValueError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def override(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``values`` with ``changes``, merged section by section."""
    merged = dict(values)
    for key, change in changes.items():
        old = merged.get(key)
        merged[key] = override(old, change) if isinstance(old, dict) and isinstance(change, dict) else change
    return merged


def override_paths(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``values`` with other values by key path, such as ``train.epochs``."""
    for path, value in changes.items():
        for key in reversed(path.split(".")):
            value = {key: value}  # noqa: PLW2901 - from the inside out
        values = override(values, value)
    return dict(values)


def _apply(values: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {override!r:.200}: expected key.path=value, such as train.epochs=4")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # ValueError: no TOML, or a number of thousands of digits
        value = text.strip()
    try:
        check_values({path.strip(): value})
    except ValueError as error:
        raise ConfigError(f"--set {path.strip()!r:.80}: {error}") from None
    *sections, last = keys
    for key in sections:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {override!r:.200}: {key!r:.80} is a value, not a section")
    values[last] = value
