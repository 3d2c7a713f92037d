"""Features of a word's place among its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from coner.features.registry import Values, feature

EDGE = ""  # stands for a word outside the sentence; no word is empty


@feature("place")
def bigram(words: Sequence[str], i: int) -> Values:
    """The word with the one before, and with the one after."""
    return [f"<{_at(words, i - 1)} {words[i]}", f">{words[i]} {_at(words, i + 1)}"]  # no word contains a space


@feature("place")
def skipgram(words: Sequence[str], i: int) -> Values:
    """Pairs of surrounding words: the two before, the two after, and one on each side."""
    far, before, after, farther = (_at(words, i + offset) for offset in (-2, -1, 1, 2))
    return [f"<{far} {before}", f">{after} {farther}", f"={before} {after}"]


@feature("place")
def position(words: Sequence[str], i: int) -> Values:
    """Distance from the start (up to six words) and from the end (up to four)."""
    return [f"<{min(i, 6)}", f">{min(len(words) - 1 - i, 4)}"]


def _at(words: Sequence[str], i: int) -> str:
    return words[i] if 0 <= i < len(words) else EDGE
