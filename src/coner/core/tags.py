"""Tag schemes: entities to tags and back, and which tag may follow which.

A *tag* belongs to a word (``B-Artist``); a *label* belongs to an entity (``Artist``).

========  ==============================================================================================
scheme    meaning
========  ==============================================================================================
iob2      ``B-`` for the first word of a mention, ``I-`` for the others
iob1      ``I-`` throughout; ``B-`` only where a mention follows one of the same label directly (read only)
bioes     ``B- I- E-`` for mentions of several words, ``S-`` for those of one
io        any of these letters, in any order (read only)
========  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from coner.core.types import Entity, Region

Scheme = Literal["iob2", "iob1", "bioes", "io"]
InputScheme = Literal["auto", "iob2", "iob1", "bioes", "bilou", "bmes", "io"]  # of files, see ``data.reading.schemes``
OUTSIDE = "O"
PREFIXES: dict[Scheme, str] = {"iob2": "BI", "iob1": "BI", "bioes": "BIES", "io": "BIES"}
READ_ONLY = ("iob1", "io")


class InvalidTags(ValueError):
    """A malformed tag, or one that is not valid after the tag before it; ``index`` is its word, counted from 0."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


def split_tag(tag: str) -> tuple[str, str]:
    """Split ``"B-Artist"`` into ``("B", "Artist")``, and ``"O"``, like anything without a dash, into ``("O", "")``."""
    prefix, _, label = tag.partition("-")
    return prefix, label


@lru_cache(maxsize=65536)  # called for every word that is read, over few distinct pairs
def may_follow(before: str | None, tag: str | None, scheme: Scheme) -> bool:
    """Whether ``tag`` is valid right after ``before``; ``None`` is the start or end of the sentence."""
    last, last_label = split_tag(before or OUTSIDE)
    first, label = split_tag(tag or OUTSIDE)
    if scheme == "io":
        return True
    inside = last in ("B", "I") and last_label == label
    if scheme == "iob1":
        return first != "B" or inside
    if scheme == "iob2":
        return first != "I" or inside
    return (first in ("I", "E") and inside) if last in ("B", "I") else first not in ("I", "E")


def tags_from_entities(entities: Sequence[Entity], length: int, scheme: Scheme = "iob2") -> list[str]:
    """Write entities as the tags of a sentence of ``length`` words, in ``iob2`` or ``bioes``."""
    if scheme in READ_ONLY:
        raise ValueError(f"{scheme} is read only; write iob2 or bioes")
    tags = [OUTSIDE] * length
    for entity in entities:
        inner = "I-" + entity.label
        tags[entity.start : entity.end] = [inner] * (entity.end - entity.start)
        tags[entity.start] = "B-" + entity.label
        if scheme == "bioes":
            tags[entity.end - 1] = ("E-" if entity.end - entity.start > 1 else "S-") + entity.label
    return tags


def entities_from_tags(tags: Sequence[str], scheme: Scheme = "iob2") -> list[Entity]:
    """Read the tags of one sentence; ``InvalidTags`` at the first that is malformed or not valid at its place."""
    entities, faults = read_tags(tags, scheme)
    if faults:
        index, problem = faults[0]
        raise InvalidTags(problem, index)
    return entities


def repair_tags(tags: Sequence[str], scheme: Scheme = "iob2") -> tuple[list[Entity], int]:
    """Read the tags of one sentence with the repairs of conlleval: a stray inner tag starts a mention.

    In ``bioes`` a mention without an end tag ends at its last word. Malformed tags count as ``O``. Returns the number
    of repaired tags too.
    """
    entities, faults = read_tags(tags, scheme)
    return entities, len({index for index, _ in faults})


def read_tags(tags: Sequence[str], scheme: Scheme = "iob2") -> tuple[list[Entity], list[tuple[int, str]]]:
    """Read the tags of one sentence as ``repair_tags`` does, and return the word (from 0) and message of each fault."""
    entities: list[Entity] = []
    faults: list[tuple[int, str]] = []
    start, label = 0, ""  # the open mention; label "" means that none is open
    before: str | None = None
    for index, original in enumerate(tags):
        if original == OUTSIDE == before:  # most words of most files
            continue
        tag, (prefix, name) = original, _split_valid(original, scheme)
        if not prefix:
            known = ", ".join([OUTSIDE, *(p + "-<label>" for p in PREFIXES[scheme])])
            faults.append((index, f"tag {tag!r} is not one of {scheme}'s: {known}"))
            tag = prefix = OUTSIDE
        elif not may_follow(before, tag, scheme):
            faults.append((index, f"tag {tag!r} after {before or 'the start'} is not valid {scheme}"))
        if not (label and name == label and prefix in "IE"):
            if label:
                entities.append(Entity(start, index, label))
            start, label = index, name
        if prefix in "ES":
            entities.append(Entity(start, index + 1, label))
            label = ""
        before = tag
    if label:
        entities.append(Entity(start, len(tags), label))
    reported = bool(faults) and faults[-1][0] == len(tags) - 1
    if len(tags) and not reported and not may_follow(before, None, scheme):
        faults.append((len(tags) - 1, f"tag {before!r} at the end of the sentence is not valid {scheme}"))
    return entities, faults


@lru_cache(maxsize=65536)
def _split_valid(tag: str, scheme: Scheme) -> tuple[str, str]:
    """Prefix and label; both empty if the scheme has no such tag."""
    if tag == OUTSIDE or not isinstance(tag, str):
        return (OUTSIDE, "") if tag == OUTSIDE else ("", "")
    prefix, label = split_tag(tag)
    return (prefix, label) if label and len(prefix) == 1 and prefix in PREFIXES[scheme] else ("", "")


def _mention_prefix(scheme: Scheme, first: bool, last: bool) -> str:
    """The prefix of a word of a mention, which may be its first or last one."""
    if scheme == "iob2":
        return "B" if first else "I"
    return ("S" if last else "B") if first else ("E" if last else "I")


def _region_prefixes(scheme: Scheme, first: bool, last: bool) -> str:
    """The prefixes of a word, possibly the first or last, of a region that is not one whole mention; and ``O``."""
    if scheme == "iob2":
        return "OB" if first else "OBI"
    return OUTSIDE + "".join(p for p in "BIES" if not (first and p in "IE") and not (last and p in "BI"))


class TagSet:
    """All tags of distinct labels, in their order: ``O``, then those of each label, 2 in ``iob2`` or 4 in ``bioes``."""

    def __init__(self, labels: Sequence[str], scheme: Scheme = "iob2") -> None:
        if scheme in READ_ONLY:
            raise ValueError(f"{scheme} is read only; a tagger predicts iob2 or bioes")
        if len(set(labels)) != len(labels) or not labels:
            raise ValueError("a tag set needs at least one label, each once")
        self.labels = tuple(labels)
        self.scheme: Scheme = scheme
        self.tags = (OUTSIDE, *(f"{p}-{label}" for label in labels for p in PREFIXES[scheme]))
        self.ids = {tag: index for index, tag in enumerate(self.tags)}
        self._ids_of: dict[tuple[str, frozenset[str]], list[int]] = {}  # of some prefixes with some labels

    def __len__(self) -> int:
        return len(self.tags)

    def encode(self, entities: Sequence[Entity], length: int) -> list[int]:
        """Gold entities of one sentence as tag ids; ``KeyError`` for a label outside the set."""
        return [self.ids[tag] for tag in tags_from_entities(entities, length, self.scheme)]

    def allowed_by(self, regions: Sequence[Region], length: int) -> list[list[int]]:
        """The tag ids that each word of a sentence of ``length`` words may have by its ``Sentence.regions``.

        The *valid* sequences of these tags are exactly the taggings that the regions allow: at the borders of a region
        they have no tag that would continue a mention across it. Labels outside the tag set are left out;
        ``ValueError`` for a mention that has no other.
        """
        allowed = [[self.ids[OUTSIDE]]] * length
        for region in regions:
            for word in range(region.start, region.end):
                first, last = word == region.start, word == region.end - 1
                prefixes = (_mention_prefix if region.whole else _region_prefixes)(self.scheme, first, last)
                allowed[word] = self._ids_with(prefixes, region.labels)
                if not allowed[word]:
                    known = ", ".join(sorted(region.labels))
                    raise ValueError(f"words {region.start} to {region.end}: expected a tag with one of: {known}")
        return allowed

    def _ids_with(self, prefixes: str, labels: frozenset[str]) -> list[int]:
        """The ids of ``O``, if it is one of the prefixes, and of these labels with the others."""
        key = prefixes, labels
        if key not in self._ids_of:
            inner, own = prefixes.removeprefix(OUTSIDE), [label for label in self.labels if label in labels]
            outside = [self.ids[OUTSIDE]] * (inner != prefixes)
            self._ids_of[key] = [*outside, *(self.ids[f"{p}-{label}"] for label in own for p in inner)]
        return self._ids_of[key]

    def decode(self, ids: Sequence[int]) -> tuple[list[Entity], int]:
        """Predicted tag ids of one sentence as entities, with the number of repaired tags (see ``repair_tags``)."""
        return repair_tags([self.tags[i] for i in ids], self.scheme)

    def allowed(self) -> list[list[bool]]:
        """``allowed[i][j]``: tag j may follow tag i. C x C."""
        # It depends on the two prefixes, and on whether the labels are the same: the rows are copies, since thousands
        # of labels have millions of pairs.
        prefixes, count = PREFIXES[self.scheme], len(self.labels)
        first = [may_follow(OUTSIDE, tag, self.scheme) for tag in (OUTSIDE, *(f"{p}-a" for p in prefixes))]
        rows = [first[:1] + first[1:] * count]
        kinds = []
        for prefix in prefixes:
            last = f"{prefix}-a"
            other = [may_follow(last, f"{p}-b", self.scheme) for p in prefixes]
            own = [may_follow(last, f"{p}-a", self.scheme) for p in prefixes]
            kinds.append(([may_follow(last, OUTSIDE, self.scheme), *other * count], own))
        for place in range(1, len(self.tags), len(prefixes)):
            for row, own in kinds:
                rows.append([*row[:place], *own, *row[place + len(prefixes) :]])
        return rows

    def allowed_first(self) -> list[bool]:
        """Tags that are valid at the start of a sentence. C."""
        return [may_follow(None, tag, self.scheme) for tag in self.tags]

    def allowed_last(self) -> list[bool]:
        """Tags that are valid at the end of a sentence. C."""
        return [may_follow(tag, None, self.scheme) for tag in self.tags]
