"""Features from the letters of a word; also those of its neighbours."""

from __future__ import annotations

from itertools import groupby

from coner.features.registry import Values, word_feature

AFFIXES = range(1, 6)
NEIGHBOUR_AFFIXES = range(1, 4)
NGRAMS = (3, 4)
LONGEST = 64  # letters whose n-grams are looked at: a word of thousands of letters is no name


@word_feature()
def word(word: str) -> Values:
    """The word itself."""
    return [word]


@word_feature(-3, -2, -1, 1, 2, 3)
def neighbour(word: str) -> Values:
    """The words around."""
    return [word]


@word_feature()
def prefix(word: str) -> Values:
    """Its first one to five letters."""
    return [word[:size] for size in AFFIXES if size <= len(word)]


@word_feature()
def suffix(word: str) -> Values:
    """Its last one to five letters."""
    return [word[-size:] for size in AFFIXES if size <= len(word)]


@word_feature(-1, 1)
def neighbour_suffix(word: str) -> Values:
    """The last one to three letters of the words beside."""
    return [word[-size:] for size in NEIGHBOUR_AFFIXES if size <= len(word)]


@word_feature()
def ngram(word: str) -> Values:
    """Every run of three or four letters, edges marked: what an unseen name shares with known ones."""
    marked = f"^{word[:LONGEST]}$"
    return list(dict.fromkeys(marked[i : i + size] for size in NGRAMS for i in range(len(marked) - size + 1)))


@word_feature()
def shape(word: str) -> Values:
    """Kinds of characters, runs of more than two cut to two: ``Mi-24`` to ``Xx-dd``."""
    kinds = (_kind(character) for character in word)
    return ["".join(kind * min(2, len(list(run))) for kind, run in groupby(kinds))[:LONGEST]]


def _kind(character: str) -> str:
    if character.isdigit():
        return "d"
    if character.isupper():
        return "X"
    return "x" if character.isalpha() else character
