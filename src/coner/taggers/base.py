"""What every tagger is, whatever its kind: one method, a list of labels, and a folder to live in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from coner.data.taxonomy import Taxonomy
from coner.types import Entity, Sentence


@runtime_checkable
class Tagger(Protocol):
    """Finds entities.

    Attributes:
        kind: the family, as in ``model.json``.
        labels: every label that it can give.
        taxonomy: of the labels.
        repaired: predicted tags mended since the tagger was made (see ``tags.repair_tags``).
    """

    kind: str
    labels: tuple[str, ...]
    taxonomy: Taxonomy
    repaired: int

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        """Entities of each sentence: sorted, not overlapping, each with its probability; gold is not looked at."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model folder: ``model.json`` and what it names, whole or not at all."""
        ...
