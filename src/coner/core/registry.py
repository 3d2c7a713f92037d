"""Components that a config chooses by name: one module or folder each, whose name is the component's name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, Generic, TypeVar

from coner.core.errors import ConfigError

Component = TypeVar("Component")


class Registry(Generic[Component]):
    """The components of one slot, imported on first use.

    They are the modules of a package, except those that start with ``_``; with ``packages`` only packages. ``key`` is
    the config key of the slot, for error messages (``head.blend``).
    """

    def __init__(self, key: str, package: str, *, packages: bool = False) -> None:
        self.key, self.package, self._packages = key, package, packages
        self._components: dict[str, Component] = {}

    def register(self, component: Component, name: str = "") -> Component:
        """Add a component; as a decorator, a class under the name of its module."""
        named: Any = component
        self._components[name or named.__module__.rpartition(".")[2]] = component
        return component

    def names(self) -> list[str]:
        """All names, read from the files: nothing is imported."""
        modules = pkgutil.iter_modules(importlib.import_module(self.package).__path__)
        return sorted(m.name for m in modules if not m.name.startswith("_") and (m.ispkg or not self._packages))

    def __getitem__(self, name: str) -> Component:
        """The component of that name; ``ConfigError`` where there is none."""
        if name not in self._components:
            if name not in self.names():
                raise ConfigError(f"{self.key}: got {name!r:.80}; expected one of: {', '.join(self.names())}")
            importlib.import_module(f"{self.package}.{name}")
        return self._components[name]
