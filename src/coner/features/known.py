"""The names of a knowledge base that cover a word of a sentence, as features see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Cover(NamedTuple):
    """A name that covers a word."""

    place: str  # position of the word in the name: B, I, E, or S for a name of one word
    types: tuple[str, ...]  # the likeliest first
    ambiguity: int  # number of its types
    prior: float  # log2 of the sum over the entries with that name


Covers = tuple[Cover, ...]  # of one word, the longest first; empty if no name covers it
LookUp = Callable[[Sequence[str]], Sequence[Covers]]  # from the words of a sentence
