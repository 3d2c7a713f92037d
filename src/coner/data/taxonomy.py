"""Two-level label sets: coarse groups of fine classes, from a TOML file, or flat from the labels of a data set.

A taxonomy file names each group and, below it, each class with its definition in one line::

    name = "multiconer2"

    [Location]
    Facility = "a building or structure that people made: bridge, museum, stadium"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from coner.core.errors import DataError

AUTO = "auto"


@dataclass(frozen=True)
class Taxonomy:
    """Fine classes in coarse groups.

    Attributes:
        name: of the taxonomy; ``flat`` where it was made from labels.
        groups: coarse label to fine label to one-line definition (may be empty), in the order of the file.
    """

    name: str
    groups: Mapping[str, Mapping[str, str]]

    @cached_property
    def coarse_by_fine(self) -> dict[str, str]:
        """Fine label to coarse label."""
        return {fine: coarse for coarse, classes in self.groups.items() for fine in classes}

    @property
    def labels(self) -> tuple[str, ...]:
        """All fine labels, group by group."""
        return tuple(self.coarse_by_fine)

    @property
    def coarse_labels(self) -> tuple[str, ...]:
        """All coarse labels."""
        return tuple(self.groups)

    def coarse_of(self, label: str) -> str:
        """The group of a fine label; ``KeyError`` where there is none."""
        return self.coarse_by_fine[label]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"name": self.name, "groups": {coarse: dict(classes) for coarse, classes in self.groups.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Taxonomy:
        """The inverse of ``as_dict``."""
        return cls(values["name"], values["groups"])

    @classmethod
    def flat(cls, labels: Iterable[str]) -> Taxonomy:
        """Each label a group of its own, in alphabetical order."""
        return cls("flat", {label: {label: ""} for label in sorted(set(labels))})


def packaged_names() -> list[str]:
    """Taxonomies that come with the package."""
    folder = resources.files("coner.data").joinpath("taxonomies")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_taxonomy(name: str) -> Taxonomy:
    """A packaged taxonomy by its name, or one from a TOML file.

    Raises:
        DataError: there is no such taxonomy, or the file is not one.
    """
    if name in packaged_names():
        text = resources.files("coner.data").joinpath("taxonomies", f"{name}.toml").read_text(encoding="utf-8")
        return _parse(text, name, Path(f"{name}.toml"))
    path = Path(name)
    if not path.is_file():
        known = ", ".join(packaged_names())
        raise DataError(f"taxonomy {name!r} is neither packaged nor a TOML file; expected one of: {known}, or a path")
    try:
        return _parse(path.read_text(encoding="utf-8"), path.stem, path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read as a taxonomy: {error}", path) from None


def choose_taxonomy(name: str, labels: Iterable[str]) -> Taxonomy:
    """The taxonomy of an experiment.

    ``auto`` takes the first packaged taxonomy that knows every label of the data, else a flat one of those labels; any
    other name is loaded as it is.

    Args:
        name: ``auto``, a packaged name, or a TOML file.
        labels: those of the training data.
    """
    if name != AUTO:
        return load_taxonomy(name)
    found = set(labels)
    for packaged in packaged_names():
        taxonomy = load_taxonomy(packaged)
        if found and found <= set(taxonomy.labels):
            return taxonomy
    return Taxonomy.flat(found)


def _parse(text: str, stem: str, path: Path) -> Taxonomy:
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"not valid TOML: {error}", path) from None
    name = values.pop("name", stem)
    if not isinstance(name, str):
        raise DataError('name: expected text in quotes; no group can be called "name"', path)
    fines: set[str] = set()
    for coarse, classes in values.items():
        if not isinstance(classes, dict) or not all(fine and isinstance(text, str) for fine, text in classes.items()):
            raise DataError(f'{coarse}: expected a section with lines like Class = "definition"', path)
        if twice := fines & set(classes):
            raise DataError(
                f"{coarse}.{min(twice)}: a class belongs to one group, and this one has another already", path
            )
        fines |= set(classes)
    if not fines:
        raise DataError('no classes; expected sections, one a group, with lines like Class = "definition"', path)
    return Taxonomy(name, values)
