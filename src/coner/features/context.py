"""Features from a word's place among its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from coner.features.registry import Values, place_feature

EDGE = ""  # stands in for words beyond the sentence; no word is empty


def _at(words: Sequence[str], index: int) -> str:
    return words[index] if 0 <= index < len(words) else EDGE


def _pair(words: Sequence[str], first: int, second: int) -> str:
    return f"{_at(words, first)} {_at(words, second)}"  # no word holds a blank


@place_feature
def bigram(words: Sequence[str], i: int) -> Values:
    """The word with the one before, and with the one after."""
    return ["<" + _pair(words, i - 1, i), ">" + _pair(words, i, i + 1)]


@place_feature
def position(words: Sequence[str], i: int) -> Values:
    """Distance from the start (up to six words) and from the end (up to four)."""
    return [f"<{min(i, 6)}", f">{min(len(words) - 1 - i, 4)}"]
