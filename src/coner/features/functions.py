"""All features: small pure functions. To add one, write a function here; its name is its name in the config.

=========  ===================  ==================================================================
scope      the function gets    evaluated
=========  ===================  ==================================================================
word       ``(word)``           once per word type; a word gets the values of the words at ``offsets``
cluster    ``(clusters)``       likewise, from the clusters of a word
gazetteer  ``(entry)``          once per word, from the training mentions; offsets as for ``word``
knowledge  ``(covers)``         once per word, with a knowledge base; offsets as for ``word``
place      ``(words, i)``       for every word
sentence   ``(words)``          once per sentence; all its words get the values
=========  ===================  ==================================================================

A function returns values (``["ing", "ng"]``); the extractor puts the feature's name and the offset before each, so that
two features never share a string. Of ``content`` features it drops values that are function words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log2
from typing import Literal, TypeVar, get_args

from coner.features.gazetteer import GazetteerEntry
from coner.features.known import Covers

REACH = 8  # words on either side
AFFIX, NEIGHBOUR_AFFIX = 5, 3  # maximum letters
NGRAMS = (3, 4)
MAX_LETTERS = 64  # of a word: n-grams of thousands of letters say nothing about a name
MAX_WORDS = 100  # of a sentence: in a text of thousands of words every word would indicate every topic
RUN = re.compile(r"(.)\1+", re.DOTALL)
EDGE = ""  # stands for a word outside the sentence; no word is empty

# English; the function words of any language can be learned (``coner.features.function_words``).
STOP_WORDS = frozenset(
    """a about after all also an and are as at be been between but by can during first for from had has have he her
    his i in into is it its may more not of on one or other out over she some such than that the their there
    they this to two under until up was were when where which while who with""".split()  # noqa: SIM905  (a list would take a page)
)

Scope = Literal["word", "cluster", "gazetteer", "knowledge", "place", "sentence"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
Values = list[str]
Function = TypeVar("Function", bound=Callable[..., list[str]])


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature."""

    name: str  # as in the config
    scope: Scope
    function: Callable[..., Values]  # pure
    prefixes: Mapping[int, str]  # by offset of the word that the values come from (-1: the word before)
    content: bool = False  # its values are words, without function words
    default: bool = True  # used unless the config names features


FEATURES: dict[str, Feature] = {}


def feature(
    scope: Scope, *offsets: int, by_side: bool = False, content: bool = False, default: bool = True
) -> Callable[[Function], Function]:
    """Decorator: register a function as a feature; ``content`` and ``default`` as in ``Feature``.

    A word gets the values of the words at these offsets from it, by default its own; not for ``place``, ``sentence``.
    With ``by_side`` values are marked with the side of that word only, not with its distance.
    """

    def mark(offset: int) -> str:
        side = "-" if offset < 0 else "+"
        return f"[{side if by_side else f'{offset:+}'}]" if offset else ""

    def register(function: Function) -> Function:
        name = function.__name__
        if name in FEATURES:
            raise ValueError(f"two features are called {name}")
        prefixes = {offset: f"{name}{mark(offset)}=" for offset in offsets or (0,)}
        FEATURES[name] = Feature(name, scope, function, prefixes, content, default)
        return function

    return register


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


@feature("word", -2, -1, 0, 1, 2, default=False)
def lower(word: str) -> Values:
    """The word and the two on either side in lower case, for cased text."""
    return [word.lower()]


@feature("word", -2, -1, 0, 1, 2, default=False)
def case(word: str) -> Values:
    """The pattern of its case, for cased text: lower, upper, initial (one letter), title, mixed; none: no letter."""
    if not any(map(str.isalpha, word)):
        return ["none"]
    if word == word.lower():
        return ["lower"]
    if word == word.upper():
        return ["upper" if len(word) > 1 else "initial"]
    return ["title" if word[0].isupper() and word[1:] == word[1:].lower() else "mixed"]


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
    return [RUN.sub(r"\1\1", "".join(map(_kind, word)))[:MAX_LETTERS]]


@feature("word", *range(-REACH, 0), *range(1, REACH + 1), by_side=True, content=True)
def beside(word: str) -> Values:
    """Content words up to eight words away, by side: *album* before a name differs from *album* after it."""
    return [word] if word.isalnum() or any(map(str.isalnum, word)) else []


@feature("place")
def bigram(words: Sequence[str], i: int) -> Values:
    """The word with the one before, and with the one after."""
    before, after = words[i - 1] if i else EDGE, words[i + 1] if i + 1 < len(words) else EDGE
    return [f"<{before} {words[i]}", f">{words[i]} {after}"]  # no word contains a space


@feature("place")
def skipgram(words: Sequence[str], i: int) -> Values:
    """Pairs of surrounding words: the two before, the two after, and one on each side."""
    left = len(words) - 1 - i
    far, before = words[i - 2] if i > 1 else EDGE, words[i - 1] if i else EDGE
    after, farther = words[i + 1] if left else EDGE, words[i + 2] if left > 1 else EDGE
    return [f"<{far} {before}", f">{after} {farther}", f"={before} {after}"]


@feature("place")
def position(words: Sequence[str], i: int) -> Values:
    """Distance from the start (up to six words) and from the end (up to four)."""
    left = len(words) - 1 - i
    return [f"<{i if i < 6 else 6}", f">{left if left < 4 else 4}"]  # half the time of min


@feature("sentence", content=True)
def topic(words: Sequence[str]) -> Values:
    """Every content word of the sentence, once: an unseen name beside *album* and *label* is likely a musician."""
    return [word for word in dict.fromkeys(words[:MAX_WORDS]) if word.isalnum() or any(map(str.isalnum, word))]


@feature("cluster", -2, -1, 0, 1, 2)
def cluster(clusters: Sequence[str]) -> Values:
    """The clusters of the word and of its neighbours, coarse to fine."""
    return [f"{level} {name}" for level, name in enumerate(clusters)]


@feature("gazetteer", -1, 0, 1)
def phrase(entry: GazetteerEntry) -> Values:
    """Labels of the known mention that covers the word here, with the word's place in it."""
    if not entry.size:
        return []
    place = "B" if entry.first else "I"
    return ["yes", *(f"{place} {min(entry.size, 2)} {label}" for label in entry.phrase[:3])]


@feature("gazetteer", -1, 0, 1)
def mentioned(entry: GazetteerEntry) -> Values:
    """Labels of the mentions that the word occurred in, and for which fraction of its occurrences."""
    if not entry.seen:
        return ["new"]
    total = sum(count for _, count in entry.labels)
    rates = [(label, count / entry.seen) for label, count in entry.labels]
    levels = [f"{label} {'high' if rate > 0.5 else 'middle' if rate > 0.15 else 'low'}" for label, rate in rates]
    return [*levels, f"{round(5 * total / entry.seen)} {min(3, int(log2(entry.seen)))}"]


@feature("knowledge", -1, 0, 1, default=False)
def known_type(covers: Covers) -> Values:
    """Types of the two longest known names that cover the word, with its place in each."""
    return list(dict.fromkeys(f"{cover.place} {name}" for cover in covers for name in cover.types)) or ["none"]


@feature("knowledge", default=False)
def known_ambiguity(covers: Covers) -> Values:
    """Number of types of the longest known name, up to three, with its likeliest type."""
    return [f"{place} {count} {types[0]}" for place, types, count, _ in covers[:1] if types]


@feature("knowledge", default=False)
def known_prior(covers: Covers) -> Values:
    """Logarithm of the prior of the longest known name, with its likeliest type."""
    return [f"{place} {prior:g} {types[0]}" for place, types, _, prior in covers[:1] if types]


@cache
def _kind(character: str) -> str:
    if character.isdigit():
        return "d"
    return "X" if character.isupper() else "x" if character.isalpha() else character
