"""How well a label map fits: the labels of the surfaces that are mentions in both data sets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from coner.core.types import Sentence
from coner.data.corpus import read
from coner.data.label_map import Projection, load_map
from coner.data.reading.reader import Reading
from coner.data.taxonomy import AUTO, choose_taxonomy


@dataclass(frozen=True)
class Agreement:
    """How often the target agrees with a label, by the surfaces that have it in the source and are mentions in both."""

    label: str  # of the source
    surfaces: int
    agreeing: int  # whose most frequent label in the target is one of those that the map allows
    others: dict[str, int]  # the other labels of the target, with the number of surfaces; most frequent first
    examples: dict[str, str]  # of each of these a surface

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**vars(self), "agreement": self.agreeing / self.surfaces if self.surfaces else None}


def check_map(
    source: Path, name: str, target: Path, *, taxonomy: str = AUTO, **options: Unpack[Reading]
) -> list[Agreement]:
    """The ``agreement`` of two labelled files under a label map, a built-in one or a file.

    Args:
        source: has the labels that are mapped.
        name: of the map.
        target: has the labels of the taxonomy.
        taxonomy: name or file; ``auto``: a built-in one with all labels of the target, else a flat one.
        **options: how both files are read.

    Raises:
        DataError: a file is faulty, or the map does not fit the source or the taxonomy.
    """
    found, fine = load_map(name), read(target, **options, gold=True)
    projection = found.onto(choose_taxonomy(taxonomy, fine.labels))
    corpus = read(source, **options, gold=True)
    projection.check(corpus)
    return agreement(corpus, fine, projection)


def agreement(source: Iterable[Sentence], target: Iterable[Sentence], projection: Projection) -> list[Agreement]:
    """The agreement of each label of the map that the source has, in the order of the map.

    Surfaces are compared in lower case. The source has its own labels, the target those of the taxonomy that the
    projection leads to.
    """
    here, there = _main_labels(source), _main_labels(target)
    shared: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for surface, label in here.items():
        if surface in there:
            shared[label].append((surface, there[surface]))
    rows, found_here = [], set(here.values())
    for label, allowed in projection.sets.items():
        if label not in found_here:
            continue
        others = [(found, surface) for surface, found in sorted(shared[label]) if found not in allowed]
        counts = dict(Counter(found for found, _ in others).most_common())
        examples = {found: next(surface for other, surface in others if other == found) for found in counts}
        rows.append(Agreement(label, len(shared[label]), len(shared[label]) - len(others), counts, examples))
    return rows


def _main_labels(sentences: Iterable[Sentence]) -> dict[str, str]:
    """The most frequent label of each surface; the first in alphabetical order if tied."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        for entity in sentence.entities or ():
            counts[sentence.surface(entity).lower()][entity.label] += 1
    return {surface: min(of, key=lambda label: (-of[label], label)) for surface, of in counts.items()}
