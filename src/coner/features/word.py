"""Features of the letters of a word and of its neighbours."""

from __future__ import annotations

import re

from coner.features.registry import Values, feature
from coner.features.sentence import is_content

REACH = 8  # words on either side
AFFIX, NEIGHBOUR_AFFIX = 5, 3  # maximum letters
NGRAMS = (3, 4)
MAX_LETTERS = 64  # of a word: n-grams of thousands of letters say nothing about a name


@feature("word")
def word(word: str) -> Values:
    """The word itself."""
    return [word]


@feature("word", -3, -2, -1, 1, 2, 3)
def neighbour(word: str) -> Values:
    """The three words on either side, by distance."""
    return [word]


@feature("word", *range(-REACH, 0), *range(1, REACH + 1), by_side=True)
def beside(word: str) -> Values:
    """Content words up to eight words away, by side: a name after *album* is not one before it."""
    return [word] if is_content(word) else []


@feature("word")
def prefix(word: str) -> Values:
    """Its first one to five letters."""
    return [word[:size] for size in range(1, min(AFFIX, len(word)) + 1)]


@feature("word")
def suffix(word: str) -> Values:
    """Its last one to five letters."""
    return [word[-size:] for size in range(1, min(AFFIX, len(word)) + 1)]


@feature("word", -1, 1)
def neighbour_suffix(word: str) -> Values:
    """The last one to three letters of the words next to it."""
    return [word[-size:] for size in range(1, min(NEIGHBOUR_AFFIX, len(word)) + 1)]


@feature("word")
def ngram(word: str) -> Values:
    """Every run of three or four letters, with the edges marked: shared between unseen and known names."""
    marked = f"^{word[:MAX_LETTERS]}$"
    return list(dict.fromkeys([marked[i : i + size] for size in NGRAMS for i in range(len(marked) - size + 1)]))


@feature("word")
def shape(word: str) -> Values:
    """Kinds of characters, with runs cut to two: ``Mi-2400`` becomes ``Xx-dd``."""
    return [RUN.sub(r"\1\1", word.translate(KINDS))[:MAX_LETTERS]]


class _Kinds(dict[int, str]):
    """Kind of each character, by code point."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        letter = "X" if character.isupper() else "x" if character.isalpha() else character
        self[code] = kind = "d" if character.isdigit() else letter
        return kind


KINDS = _Kinds()
RUN = re.compile(r"(.)\1+", re.DOTALL)
