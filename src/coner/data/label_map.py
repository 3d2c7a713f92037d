"""Label maps: what the labels of one annotation say about those of a taxonomy, a set of fine labels for each.

A TOML file names for each label of a source the fine labels, or coarse groups, that it may stand for. ``O`` among them
means that it may be no mention either; an empty list, that it is none::

    complete = true  # the default; false: what the source leaves unlabelled may be anything
    [labels]
    PER = ["Person"]
    MISC = ["OtherPROD", "O"]
    TITLE = []
    [unannotated]
    labels = ["Medical"]  # unlabelled words may be these
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from coner.core.errors import DataError
from coner.core.tags import OUTSIDE
from coner.core.types import Region, Sentence, with_regions
from coner.data.builtin import builtin_names, load_text, parse_toml
from coner.data.corpus import Corpus
from coner.data.taxonomy import Taxonomy

FOLDER, LABELS, UNANNOTATED, COMPLETE = "maps", "labels", "unannotated", "complete"
Key = tuple[str, ...]  # of a value in the file: its sections and its name


def builtin_maps() -> list[str]:
    """Names of the maps that come with the package, all onto the taxonomy ``multiconer2``."""
    return builtin_names(FOLDER)


@dataclass(frozen=True)
class LabelMap:
    """A map as its file has it; ``onto`` resolves the names."""

    path: Path  # for messages
    labels: Mapping[str, Sequence[str]]  # label of the source to fine labels, groups and ``O``
    unannotated: Sequence[str] = ()  # fine labels and groups
    complete: bool = True
    lines: Mapping[Key, int] = field(default_factory=dict)

    def error(self, message: str, *key: str) -> DataError:
        """An error at a value of the file, or at the section that it is missing from."""
        places = (self.lines[key[:size]] for size in range(len(key), 0, -1) if key[:size] in self.lines)
        return DataError(message, self.path, next(places, 1))

    def names(self) -> dict[str, tuple[str, ...]]:
        """The names of each label as they are written, without ``O``."""
        return {label: tuple(name for name in some if name != OUTSIDE) for label, some in self.labels.items()}

    def onto(self, taxonomy: Taxonomy) -> Projection:
        """The map with every name resolved; ``DataError`` for one that the taxonomy lacks."""
        sets = {label: self._resolve(names, taxonomy, LABELS, label) for label, names in self.labels.items()}
        unlabelled = frozenset(self._resolve(self.unannotated, taxonomy, UNANNOTATED, LABELS))
        if not self.complete:
            unlabelled = frozenset(taxonomy.labels)
        optional = frozenset(label for label, names in self.labels.items() if OUTSIDE in names)
        return Projection(self, sets, optional, unlabelled)

    def _resolve(self, names: Sequence[str], taxonomy: Taxonomy, *key: str) -> frozenset[str]:
        fine: set[str] = set()
        for name in names:
            if name in taxonomy.coarse_by_fine:
                fine.add(name)
            elif name in taxonomy.groups:
                fine |= taxonomy.groups[name].keys()
            elif name != OUTSIDE or key[0] == UNANNOTATED:
                known = [*taxonomy.groups, *taxonomy.labels]
                fix = "".join(f"write {close!r}, or " for close in get_close_matches(name, known, n=1))
                got = f"{'.'.join(key)}: got {name!r}, which taxonomy {taxonomy.name} lacks"
                raise self.error(f"{got}; expected one of: {', '.join(known)}. Fix: {fix}name another taxonomy", *key)
        return frozenset(fine)


@dataclass(frozen=True)
class Projection:
    """A label map onto a taxonomy."""

    map: LabelMap
    sets: Mapping[str, frozenset[str]]  # label of the source to fine labels; empty: no mention
    optional: frozenset[str]  # labels of the source that may be no mention
    unlabelled: frozenset[str]  # fine labels that unlabelled words may have

    @property
    def key(self) -> str:
        """What identifies its effect."""
        sets = {label: sorted(names) for label, names in sorted(self.sets.items())}
        return json.dumps([sets, sorted(self.optional), sorted(self.unlabelled)])

    def check(self, corpus: Corpus, known: Collection[str] | None = None) -> None:
        """``DataError`` if a label of the corpus has no entry, or all are mapped to nothing.

        Also for a mention that no tagging is allowed for, if its labels must be ``known`` ones.
        """
        for sentence in corpus:
            place = f"{corpus.path}:{sentence.line}" if sentence.line else str(corpus.path)
            for entity in sentence.entities or ():
                labels = self.sets.get(entity.label, frozenset())
                if known is not None and entity.label not in self.optional and labels and not labels & set(known):
                    got = f"{entity.label}: got {', '.join(sorted(labels))}, none of which the model predicts"
                    fix = f"so no tagging is allowed for {sentence.surface(entity)!r} of {place}. Fix: add others"
                    raise self.map.error(f"{got}, {fix}", LABELS, entity.label)
                if entity.label not in self.sets:
                    fix = f'Fix: add {entity.label!r} = ["..."] to [labels], or = [] if it is no mention'
                    raise self.map.error(f"got no entry for label {entity.label!r} of {place}. {fix}", LABELS)
        if not any(self.sets[label] for label in corpus.labels) and not self.unlabelled:
            got = f"got no fine label for any label of {corpus.path}: {', '.join(corpus.labels) or 'it has none'}"
            raise self.map.error(f"{got}; expected fine labels or groups for one at least", LABELS)

    def apply(self, sentence: Sentence) -> Sentence:
        """The sentence with the fine labels that its annotation allows, as regions, or as entities if it allows one."""
        regions = (self._region(start, end, label) for start, end, label in _stretches(sentence) if start < end)
        return with_regions(sentence, [region for region in regions if region is not None])

    def _region(self, start: int, end: int, label: str | None) -> Region | None:
        """What is possible in words with a label of the source, or without one; ``None``: only ``O``."""
        if label is None:
            return Region(start, end, self.unlabelled, whole=False) if self.unlabelled else None
        if label in self.optional:
            labels = self.sets[label] | self.unlabelled
            return Region(start, end, labels, whole=False) if labels else None
        return Region(start, end, self.sets[label], whole=True) if self.sets[label] else None


def _stretches(sentence: Sentence) -> list[tuple[int, int, str | None]]:
    """The sentence in order: its mentions with their labels, and what is between them, which may be empty."""
    stretches: list[tuple[int, int, str | None]] = []
    end = 0
    for entity in sentence.entities or ():
        stretches += [(end, entity.start, None), (entity.start, entity.end, entity.label)]
        end = entity.end
    return [*stretches, (end, len(sentence), None)]


def own_labels_only(path: Path, own: Collection[str], all_labels: Collection[str]) -> Projection:
    """The map of a file that is complete for its own labels, and says nothing of the others."""
    labels = {label: frozenset([label]) for label in own}
    written = LabelMap(path, {label: (label,) for label in own})
    return Projection(written, labels, frozenset(), frozenset(all_labels).difference(labels))


def load_map(name: str) -> LabelMap:
    """A built-in map, or one from a TOML file; ``DataError`` if there is none, or the file is faulty."""
    text, path = load_text(name, FOLDER, "label map")
    values = parse_toml(text, path)
    found = LabelMap(path, {}, lines=key_lines(text))
    known = (LABELS, UNANNOTATED, COMPLETE)
    if unknown := [key for key in values if key not in known]:
        raise found.error(f"got {unknown[0]!r}; expected {', '.join(known)}", unknown[0])
    labels, unannotated, complete = values.get(LABELS), values.get(UNANNOTATED, {}), values.get(COMPLETE, True)
    if not isinstance(labels, dict) or not labels:
        raise found.error('got no labels; expected a section [labels] with lines like PER = ["Person"]', LABELS)
    for label, names in labels.items():
        if not _are_names(names):
            raise found.error(f'{label}: got {names!r:.80}; expected a list like ["Person"]', LABELS, label)
    if (
        not isinstance(unannotated, dict)
        or unannotated.keys() - {LABELS}
        or not _are_names(unannotated.get(LABELS, []))
    ):
        raise found.error('expected a line like labels = ["Medical"] in [unannotated]', UNANNOTATED)
    if not isinstance(complete, bool):
        raise found.error(f"{COMPLETE}: got {complete!r:.80}; expected true or false", COMPLETE)
    return replace(found, labels=labels, unannotated=unannotated.get(LABELS, []), complete=complete)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


NAME = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
KEY = re.compile(rf"\s*(\[)?\s*({NAME}(?:\s*\.\s*{NAME})*)\s*(?(1)\]|=)")


def key_lines(text: str) -> dict[Key, int]:
    """The line of each section and key of a TOML file, as far as they begin one: tomllib keeps no line numbers."""
    lines: dict[Key, int] = {}
    section: Key = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if match := KEY.match(line):
            names = tuple(name.strip("\"'") for name in re.findall(NAME, match[2]))
            section = names if match[1] else section
            key = names if match[1] else (*section, *names)
            for size in range(1, len(key) + 1):
                lines.setdefault(key[:size], number)
    return lines
