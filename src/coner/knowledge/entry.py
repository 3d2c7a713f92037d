"""An entry of a knowledge base: names, types, and how prominent it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A named entity of the world, or what one source knows about it.

    Entries with the same ``id`` are merged: names and types are united, weights of a type and priors added, the
    first main name and description kept.
    """

    names: tuple[str, ...] = ()  # the first is the main one, ``""`` if the main one is not known
    types: Mapping[str, float] = field(default_factory=dict)  # name of a type to its weight, above 0
    description: str = ""
    prior: float = 0.0  # how prominent it is, such as its number of links; at least 0
    id: str = ""  # in its source; an entry without one is merged with no other
    # Of labelled data: number of mentions by the text of their sentence (see ``text_number``) and their type.
    mentions: Mapping[tuple[int, str], int] = field(default_factory=dict)


MAX_PRIOR = 1e30  # of a name: the sum over its entries
MAX_WEIGHT = 1e12  # of a prior and a weight
KNOWN, SHOWN = 3, 200  # maximum entries per name that pages show, and characters of each


def is_sound(entry: Entry) -> bool:
    """Whether all texts are valid Unicode, and all numbers are in range: entries come from untrusted files."""
    texts = [*entry.names, *entry.types, entry.description, entry.id]
    numbers = [entry.prior, *entry.types.values()]
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        return False
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return all(0 <= number <= MAX_WEIGHT for number in numbers) and all(
        w >= 1 / MAX_WEIGHT for w in entry.types.values()
    )


def check_values(texts: Iterable[Any], numbers: Iterable[Any]) -> None:
    """``ValueError`` for values that no build writes: SQLite has no types, and the file may be untrusted."""
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise ValueError("it has values that are not strings")
    if not all(isinstance(number, int | float) and 0 <= number <= MAX_PRIOR for number in numbers):
        raise ValueError("it has numbers out of range")


@dataclass(frozen=True, slots=True)
class Match:
    """A name of the knowledge base in a sentence: ``words[start:end]``."""

    start: int
    end: int
    alias: int  # number of the name in the knowledge base
    types: Mapping[str, float]  # probabilities of its types, over all its entries, times ``share``
    entries: int  # number of entries with that name
    prior: float  # sum of their priors
    share: float = 1.0  # share of mentions among the occurrences of a down-weighted name


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that a name may stand for."""

    name: str
    types: Mapping[str, float]
    titles: Mapping[str, str]  # names of those of its types that are entries themselves
    description: str
    prior: float
    id: str
    source: str  # file that it is from
    weight: float  # its share of the name, 0 to 1

    def __str__(self) -> str:
        """A line to show, of at most 200 characters: ``Miles Davis (Artist): American trumpeter``."""
        types = ", ".join(self.titles.get(name, name) for name in self.types)
        about = f": {self.description}" if self.description else ""
        text = f"{self.name}{f' ({types})' if types else ''}{about}"
        return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
