"""Parts that are chosen by name in a config: one file a part, the file's name is the part's name.

A slot (mix, context, blend, decoder) is a package; each of its modules registers one class with a decorator. Names
are read from the package's files, so that they can be listed and checked without importing any of them.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Generic, TypeVar

from coner.core.errors import ConfigError

Part = TypeVar("Part")


class Registry(Generic[Part]):
    """The parts of one slot.

    Args:
        key: where the slot stands in a config, for error messages (``head.blend``).
        package: the package that holds its modules.
    """

    def __init__(self, key: str, package: str) -> None:
        self.key = key
        self.package = package
        self._parts: dict[str, type[Part]] = {}

    def register(self, part: type[Part]) -> type[Part]:
        """Decorator: the class is the part named like its module."""
        self._parts[part.__module__.rpartition(".")[2]] = part
        return part

    def names(self) -> list[str]:
        """All names, from the files."""
        path = importlib.import_module(self.package).__path__
        return sorted(module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_"))

    def __getitem__(self, name: str) -> type[Part]:
        """The class of that name; ``ConfigError`` where there is none."""
        if name not in self._parts:
            if name not in self.names():
                raise ConfigError(f"{self.key}: {name!r} is not known; expected one of: {', '.join(self.names())}")
            importlib.import_module(f"{self.package}.{name}")
        return self._parts[name]
