"""The registry of families: each package in this folder registers its declaration."""

from __future__ import annotations

from coner.core.registry import Registry
from coner.families.family import Family

families: Registry[type[Family]] = Registry("kind", "coner.families", packages=True)


def family(kind: str) -> Family:
    """The declaration of a family; ``ConfigError`` lists the families if there is none of this name."""
    return families[kind]()


def kinds(*, configurable: bool | None = None, trains: bool | None = None) -> list[str]:
    """Names of the families, or of those with these properties."""
    all_kinds = {name: family(name) for name in families.names()}
    return [n for n, f in all_kinds.items() if configurable in (None, f.configurable) and trains in (None, f.trains)]
