"""The user's own settings, in ``~/.config/coner/config.toml``: the endpoints that may get sentences and keys."""

from __future__ import annotations

import os
import re
from pathlib import Path

from coner.config.load import read_toml
from coner.core.errors import ConfigError
from coner.core.files import atomic_write, make_folder
from coner.core.untrusted import parse_toml, read_regular

ALLOWED = "allow_endpoints"


def user_config() -> Path:
    """The path of the user's config, which need not exist."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".config") / "coner" / "config.toml"


def allowed_endpoints() -> tuple[str, ...]:
    """The addresses that the user's config allows; ``ConfigError`` if it holds anything else."""
    path = user_config()
    if not path.exists():
        return ()
    values = read_toml(path)
    addresses = values.get(ALLOWED, [])
    if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
        raise ConfigError(f'{path}: {ALLOWED}: expected a list of addresses, such as ["https://example.com/v1"]')
    if unknown := sorted(values.keys() - {ALLOWED}):
        raise ConfigError(f"{path}: {unknown[0]!r:.80}: no such setting; expected {ALLOWED}")
    return tuple(addresses)


def remember_endpoint(address: str) -> Path:
    """Add an address to the user's config, and return its path; ``OutputError`` if it cannot be written."""
    path, known = user_config(), allowed_endpoints()
    if address not in known:
        text = read_regular(path).decode("utf-8") if path.exists() else ""
        line = f"{ALLOWED} = [{', '.join(repr(each) for each in (*known, address))}]"
        text = re.sub(rf"^{ALLOWED}\s*=\s*\[[^\]]*\]|\Z", lambda _: line, text, count=1, flags=re.MULTILINE).rstrip()
        if parse_toml(text).get(ALLOWED) != [*known, address]:  # written in an unusual way
            raise ConfigError(f"{path}: the list cannot be extended automatically. Fix: edit the file to have {line}")
        make_folder(path.parent)
        with atomic_write(path) as handle:
            handle.write(text + "\n")
    return path
