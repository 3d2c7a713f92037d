"""All features. To add one, write a function here; its name is its name in the config."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log2

from coner.features.gazetteer import Entry
from coner.features.registry import Values, feature

REACH = 8  # words on either side
AFFIX, NEIGHBOUR_AFFIX = 5, 3  # maximum letters
NGRAMS = (3, 4)
MAX_LETTERS = 64  # of a word: n-grams of thousands of letters say nothing about a name
MAX_WORDS = 100  # of a sentence: in a text of thousands of words every word would indicate every topic
EDGE = ""  # stands for a word outside the sentence; no word is empty

# English; the function words of other languages cost a little time and get little weight.
STOP_WORDS = frozenset(
    """a about after all also an and are as at be been between but by can during first for from had has have he her
    his i in into is it its may more not of on one or other out over she some such than that the their there
    they this to two under until up was were when where which while who with""".split()  # noqa: SIM905  (a list would take a page)
)


@feature("word")
def word(word: str) -> Values:
    """The word itself."""
    return [word]


@feature("word", -3, -2, -1, 1, 2, 3)
def neighbour(word: str) -> Values:
    """The three words on either side, by distance."""
    return [word]


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


@feature("word", *range(-REACH, 0), *range(1, REACH + 1), by_side=True)
def beside(word: str) -> Values:
    """Content words up to eight words away, by side: a name after *album* is not one before it."""
    return [word] if _is_content(word) else []


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


@feature("sentence")
def topic(words: Sequence[str]) -> Values:
    """Every content word of the sentence, once: an unseen name in a sentence with *album* and *label* is a musician."""
    return list(dict.fromkeys(filter(_is_content, words[:MAX_WORDS])))


@feature("cluster", -2, -1, 0, 1, 2)
def cluster(clusters: Sequence[str]) -> Values:
    """The clusters of the word and of its neighbours, coarse to fine."""
    return [f"{level} {name}" for level, name in enumerate(clusters)]


@feature("gazetteer", -1, 0, 1)
def phrase(entry: Entry) -> Values:
    """Labels of the known mention that covers the word here, with the word's place in it."""
    if not entry.size:
        return []
    place = "B" if entry.first else "I"
    return ["yes", *(f"{place} {min(entry.size, 2)} {label}" for label in entry.phrase[:3])]


@feature("gazetteer", -1, 0, 1)
def mentioned(entry: Entry) -> Values:
    """Labels of the mentions that the word occurred in, and for which fraction of its occurrences."""
    if not entry.seen:
        return ["new"]
    total = sum(count for _, count in entry.labels)
    rates = [(label, count / entry.seen) for label, count in entry.labels]
    levels = [f"{label} {'high' if rate > 0.5 else 'middle' if rate > 0.15 else 'low'}" for label, rate in rates]
    return [*levels, f"{round(5 * total / entry.seen)} {min(3, int(log2(entry.seen)))}"]


def _at(words: Sequence[str], i: int) -> str:
    return words[i] if 0 <= i < len(words) else EDGE


def _is_content(word: str) -> bool:
    return word not in STOP_WORDS and any(map(str.isalnum, word))


class _Kinds(dict[int, str]):
    """Kind of each character, by code point."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        letter = "X" if character.isupper() else "x" if character.isalpha() else character
        self[code] = kind = "d" if character.isdigit() else letter
        return kind


KINDS = _Kinds()
RUN = re.compile(r"(.)\1+", re.DOTALL)
