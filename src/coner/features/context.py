"""Features from a word's place among its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from coner.features.registry import Values, place_feature

EDGE = ""  # stands in for words beyond the sentence; no word is empty


@place_feature
def bigram(words: Sequence[str], i: int) -> Values:
    """The word with the one before, and with the one after."""
    before = words[i - 1] if i else EDGE
    after = words[i + 1] if i + 1 < len(words) else EDGE
    return [f"<{before} {words[i]}", f">{words[i]} {after}"]  # no word holds a blank


@place_feature
def skipgram(words: Sequence[str], i: int) -> Values:
    """Pairs of the words around: the two before, the two after, and one from each side."""
    far, before = (words[i - 2] if i > 1 else EDGE), (words[i - 1] if i else EDGE)
    after, farther = (words[i + 1] if i + 1 < len(words) else EDGE), (words[i + 2] if i + 2 < len(words) else EDGE)
    return [f"<{far} {before}", f">{after} {farther}", f"={before} {after}"]


@place_feature
def position(words: Sequence[str], i: int) -> Values:
    """Distance from the start (up to six words) and from the end (up to four)."""
    return [f"<{min(i, 6)}", f">{min(len(words) - 1 - i, 4)}"]
