"""The registry of families: each package in this folder registers its declaration."""

from __future__ import annotations

from coner.core.registry import Registry
from coner.families.family import Family

families: Registry[type[Family]] = Registry("kind", "coner.families", packages=True)


def family(kind: str) -> Family:
    """The declaration of a family; ``ConfigError`` lists the families if there is none of this name."""
    return families[kind]()


def kinds(**properties: bool) -> list[str]:
    """Names of the families, or of those that declare these properties, such as ``trains=True``."""
    every = {name: family(name) for name in families.names()}
    return [n for n, declared in every.items() if all(getattr(declared, p) is v for p, v in properties.items())]
