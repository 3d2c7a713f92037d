"""Config files: TOML with dotted overrides."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError


def load_values(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a config file and apply overrides, without validation; ``name`` defaults to the name of the file."""
    values = read_toml(path)
    for override in overrides:
        _apply(values, override)
    values.setdefault("name", path.stem)
    return values


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as plain values; ``ConfigError`` where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file in UTF-8: {error.reason} at byte {error.start}") from None
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
        raise ConfigError(f"--set {override!r}: expected key.path=value, such as train.epochs=4")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        value = text.strip()
    *sections, last = keys
    for key in sections:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {override!r}: {key!r} is a value, not a section")
    values[last] = value
