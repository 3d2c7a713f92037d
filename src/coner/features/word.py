"""Features from the letters of a word; also those of its neighbours."""

from __future__ import annotations

import re

from coner.features.registry import Values, word_feature
from coner.features.sentence import is_content

REACH = 8  # places on either side
AFFIX, NEIGHBOUR_AFFIX = 5, 3  # most letters
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


@word_feature(*range(-REACH, 0), *range(1, REACH + 1), by_side=True)
def beside(word: str) -> Values:
    """Content words up to eight places away, by side: a name after *album* is not one before it."""
    return [word] if is_content(word) else []


@word_feature()
def prefix(word: str) -> Values:
    """Its first one to five letters."""
    return [word[:size] for size in range(1, min(AFFIX, len(word)) + 1)]


@word_feature()
def suffix(word: str) -> Values:
    """Its last one to five letters."""
    return [word[-size:] for size in range(1, min(AFFIX, len(word)) + 1)]


@word_feature(-1, 1)
def neighbour_suffix(word: str) -> Values:
    """The last one to three letters of the words beside."""
    return [word[-size:] for size in range(1, min(NEIGHBOUR_AFFIX, len(word)) + 1)]


@word_feature()
def ngram(word: str) -> Values:
    """Every run of three or four letters, edges marked: what an unseen name shares with known ones."""
    marked = f"^{word[:LONGEST]}$"
    return list(dict.fromkeys([marked[i : i + size] for size in NGRAMS for i in range(len(marked) - size + 1)]))


@word_feature()
def shape(word: str) -> Values:
    """Kinds of characters, runs of more than two cut to two: ``Mi-24`` to ``Xx-dd``."""
    return [RUN.sub(r"\1\1", word.translate(KINDS))[:LONGEST]]


class _Kinds(dict[int, str]):
    """The kind of each character, by its number."""

    def __missing__(self, number: int) -> str:
        self[number] = kind = self._of(chr(number))
        return kind

    @staticmethod
    def _of(character: str) -> str:
        if character.isdigit():
            return "d"
        if character.isupper():
            return "X"
        return "x" if character.isalpha() else character


KINDS = _Kinds()
RUN = re.compile(r"(.)\1+", re.DOTALL)
