"""The families of taggers: each package in this folder registers one declaration."""

from __future__ import annotations

from coner.core.registry import Registry
from coner.families.family import Family

families: Registry[type[Family]] = Registry("kind", "coner.families", packages=True)


def family(kind: str) -> Family:
    """The declaration of a family by its name; ``ConfigError`` lists the names where there is none."""
    return families[kind]()


def kinds(*, configurable: bool | None = None, trains: bool | None = None) -> list[str]:
    """Names of the families, optionally of those with these properties only."""
    return [
        name
        for name in families.names()
        if configurable in (None, family(name).configurable) and trains in (None, family(name).trains)
    ]
