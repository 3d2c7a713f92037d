"""Two-level label sets: coarse groups of fine classes, from a TOML file, or flat from the labels of a data set.

A file has a section for each group, with a line for each class: ``Facility = "bridge, museum, stadium"``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coner.core.errors import DataError
from coner.core.untrusted import is_text
from coner.data.builtin import builtin_names, load_toml

AUTO, FLAT = "auto", "flat"


@dataclass(frozen=True)
class Taxonomy:
    """Fine classes in coarse groups."""

    name: str  # ``flat`` if it was made from labels
    groups: Mapping[str, Mapping[str, str]]  # coarse to fine label to definition (may be empty), in the file's order

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

    def groups_of(self, labels: Iterable[str]) -> dict[str, str]:
        """Fine label to coarse label, also of ``labels`` that are not in the taxonomy: each is its own group."""
        return {label: label for label in labels} | self.coarse_by_fine

    def coarse_of(self, label: str) -> str:
        """The coarse label of a fine label; ``KeyError`` for an unknown label."""
        return self.coarse_by_fine[label]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"name": self.name, "groups": {coarse: dict(classes) for coarse, classes in self.groups.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Taxonomy:
        """The inverse of ``as_dict``; ``KeyError`` or ``TypeError`` if values are missing or of other types.

        ``ValueError`` if there are no classes, or one is in two groups.
        """
        name, groups = values["name"], {coarse: dict(classes) for coarse, classes in values["groups"].items()}
        fines = [fine for classes in groups.values() for fine in classes]
        texts = [name, *groups, *fines, *(text for classes in groups.values() for text in classes.values())]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("expected text")
        if not fines or len(set(fines)) < len(fines):
            raise ValueError("got no classes, or one in two groups; expected a group for each class")
        if wrong := [text for text in [*groups, *fines] if not text or not is_text(text)]:
            raise ValueError(f"got the class {wrong[0]!r:.80}; expected text in one line, without control characters")
        return cls(name, groups)

    @classmethod
    def flat(cls, labels: Iterable[str]) -> Taxonomy:
        """Every label is its own group, in alphabetical order."""
        return cls(FLAT, {label: {label: ""} for label in sorted(set(labels))})


def builtin_taxonomies() -> list[str]:
    """Names of the taxonomies that come with the package."""
    return builtin_names("taxonomies")


def load_taxonomy(name: str) -> Taxonomy:
    """A built-in taxonomy, or one from a TOML file; ``DataError`` if there is none, or the file is faulty."""
    values, path = load_toml(name, "taxonomies", "taxonomy")
    own = values.pop("name", path.stem)
    if not isinstance(own, str):
        raise DataError('name: expected text in quotes; no group can be called "name"', path)
    fines: set[str] = set()
    for coarse, classes in values.items():
        if not isinstance(classes, dict) or not all(fine and isinstance(text, str) for fine, text in classes.items()):
            raise DataError(f'{coarse}: expected a section with lines like Class = "definition"', path)
        if twice := fines & set(classes):
            raise DataError(f"{coarse}.{min(twice)}: got a class of another group; expected one group", path)
        fines |= set(classes)
    if not fines:
        raise DataError('got no classes; expected a section per group, with lines like Class = "definition"', path)
    return Taxonomy(own, values)


def choose_taxonomy(name: str, labels: Iterable[str]) -> Taxonomy:
    """The taxonomy of a name or TOML file; for ``auto`` the first built-in one with every label, else a flat one."""
    if name != AUTO:
        return load_taxonomy(name)
    known = set(labels)
    for taxonomy in map(load_taxonomy, builtin_taxonomies()):
        if known and known <= set(taxonomy.labels):
            return taxonomy
    return Taxonomy.flat(known)
