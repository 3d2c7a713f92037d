"""What a knowledge base says about one word of a sentence, in the few values that features distinguish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Cover(NamedTuple):
    """A name that covers the word here."""

    place: str  # of the word in it: B, I, E, or S if it is all of it
    types: tuple[str, ...]  # the likeliest first
    ambiguity: int  # number of its types
    prior: float  # of the things of that name, their sum


Covers = tuple[Cover, ...]  # of one word, the longest first; empty if no name covers it
LookUp = Callable[[Sequence[str]], Sequence[Covers]]  # from the words of a sentence
