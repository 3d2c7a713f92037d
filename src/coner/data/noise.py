"""Keyboard noise: typos in some words of some sentences; the labels and the number of words stay the same.

The noise of a sentence depends only on the seed and on its words and mentions, not on the order of the file or the
machine. A sentence that is noisy at one rate is the same at every higher rate.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from coner.config.experiment import NoiseSettings
from coner.core.errors import ConerError, DataError
from coner.core.progress import Log
from coner.core.types import Sentence
from coner.data.builtin import load_toml
from coner.data.reading.words import Span

Keyboard = Mapping[str, Sequence[str]]  # the neighbours of each key that has any, both in lower case, sorted
Where = Literal["context", "mentions", "both"]
TypoType = Literal["replace", "insert", "drop", "swap"]
TYPES: tuple[TypoType, ...] = ("replace", "insert", "drop", "swap")
VERSION = 1  # increase it when equal settings give other noise: it is part of every hash
MARKER = "-DOCSTART-"  # starts a document of CoNLL-2003: not a word of its text
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Typo:
    """A typo in a word of a sentence."""

    index: int  # of the word
    type: TypoType
    word: str  # as it is typed


@dataclass(frozen=True)
class Noise:
    """Puts typos into sentences; ``ConerError`` if ``rate`` or ``words`` is out of range."""

    keyboard: Keyboard  # typos happen only in characters that are on it
    rate: float = 0.3  # fraction of the sentences, each chosen independently
    where: Where = "both"  # in words of mentions, in the other words, or in both
    # In a noisy sentence: below 1, this fraction of the words that qualify, at least one; N: one to N, uniformly.
    words: float = 2
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ConerError(f"got rate {self.rate:g}; expected a fraction of the sentences from 0 to 1")
        if not (0 < self.words < 1 or (self.words >= 1 and self.words % 1 == 0)):
            expected = "a fraction between 0 and 1, or a whole number from 1"
            raise ConerError(f"got {self.words:g} noisy words per sentence; expected {expected}")

    @property
    def key(self) -> str:
        """Everything that the noise depends on, as text."""
        own = {"rate": float(self.rate), "where": self.where, "words": float(self.words), "seed": self.seed}
        return json.dumps({**own, "version": VERSION, "keys": self.keyboard}, sort_keys=True)

    def typos(self, sentence: Sentence) -> list[Typo] | None:
        """The typos of a sentence, in order; ``None`` if it is not chosen, empty if no word qualifies.

        ``ValueError`` if ``where`` needs labels, and the sentence has none.
        """
        if self.where != "both" and sentence.entities is None:
            raise ValueError(f"noise in {self.where} needs labels; the sentence has no labels")
        digest = hashlib.sha256(f"{self.seed}\n{' '.join(sentence.words)}".encode()).digest()
        chance = random.Random(int.from_bytes(digest))
        if chance.random() >= self.rate:
            return None
        inside = {i for entity in sentence.entities or () for i in range(entity.start, entity.end)}
        places = [
            i
            for i, word in enumerate(sentence.words)
            if word != MARKER
            and (self.where == "both" or (i in inside) == (self.where == "mentions"))
            and any(character.lower() in self.keyboard for character in word)
        ]
        if not places:
            return []
        wanted = round(self.words * len(places)) if self.words < 1 else 1 + int(chance.random() * self.words)
        count = min(len(places), max(1, wanted))
        chosen = sorted(places.pop(_below(len(places), chance)) for _ in range(count))
        return [Typo(i, *mistype(sentence.words[i], self.keyboard, chance)) for i in chosen]

    def __call__(self, sentences: Iterable[Sentence]) -> list[Sentence]:
        """The sentences in their order, some of them noisy; errors as for ``typos``."""
        return [retype(sentence, self.typos(sentence) or ()) for sentence in sentences]


def retype(sentence: Sentence, typos: Iterable[Typo]) -> Sentence:
    """The sentence with the typos in its words, and in its text if it has one."""
    changed = {typo.index: typo.word for typo in typos}
    if not changed:
        return sentence
    words = tuple([changed.get(i, word) for i, word in enumerate(sentence.words)])
    if sentence.text is None:
        return replace(sentence, words=words)
    text, spans, done = "", list[Span](), 0
    for word, (start, end) in zip(words, sentence.offsets, strict=True):
        text += sentence.text[done:start]
        spans.append((len(text), len(text) + len(word)))
        text, done = text + word, end
    return replace(sentence, words=words, text=text + sentence.text[done:], offsets=tuple(spans))


def mistype(word: str, keyboard: Keyboard, chance: random.Random) -> tuple[TypoType, str]:
    """Make a typo in a word that has a character of the keyboard; the case of each position is kept.

    All types that the word allows are equally likely: a key is replaced by a neighbour, a neighbour is inserted before
    or after it, a key is dropped (never the only one), or two different keys are swapped.
    """
    keys = [character.lower() if character.lower() in keyboard else "" for character in word]
    known = [i for i, key in enumerate(keys) if key]
    pairs = [i for i in known[:-1] if keys[i + 1] and keys[i + 1] != keys[i]]
    drops = known if len(known) > 1 else []
    places: dict[TypoType, list[int]] = {"replace": known, "insert": known, "drop": drops, "swap": pairs}
    type = _pick([type for type in TYPES if places[type]], chance)
    i = _pick(places[type], chance)
    if type == "drop":
        return type, word[:i] + word[i + 1 :]
    if type == "swap":
        return type, word[:i] + _cased(keys[i + 1], word[i]) + _cased(keys[i], word[i + 1]) + word[i + 2 :]
    other = _cased(_pick(keyboard[keys[i]], chance), word[i])
    if type == "replace":
        return type, word[:i] + other + word[i + 1 :]
    i += _below(2, chance)
    return type, word[:i] + other + word[i:]


def _cased(key: str, like: str) -> str:
    """A key in the case of a character, if its upper case is one character (that of ``ß`` is two)."""
    return key.upper() if like.isupper() and len(key.upper()) == 1 else key


def _below(end: int, chance: random.Random) -> int:
    # Only ``random()`` is guaranteed to give the same numbers in every version of Python.
    return int(chance.random() * end)


def _pick(items: Sequence[Item], chance: random.Random) -> Item:
    return items[_below(len(items), chance)]


def load_keyboard(name: str) -> Keyboard:
    """A built-in layout, or one from a TOML file; ``DataError`` if there is none, or the file is faulty."""
    values, path = load_toml(name, "layouts", "layout")
    rows = values.get("row")
    if set(values) != {"row"} or not isinstance(rows, list) or not rows:
        raise DataError('expected a [[row]] for each row of keys, with keys = "..." and offset = ...', path)
    places: dict[str, tuple[float, int]] = {}  # of each key
    for number, row in enumerate(rows, 1):
        match row:
            case {"keys": str(keys), "offset": (int() | float()) as offset} if len(row) == 2 and abs(offset) < 100:
                pass
            case _:
                expected = "expected keys in quotes, offset as a number of key widths, and nothing else"
                raise DataError(f"row {number}: {expected}", path)
        for column, key in enumerate(keys):
            if key == " ":
                continue
            if not key.isprintable() or key.isspace() or key != key.lower():
                message = f"row {number}: got key {key!r}; expected visible characters in lower case"
                raise DataError(message, path)
            if key in places:
                raise DataError(f"got key {key!r} twice; expected each key once", path)
            places[key] = offset + column, number
    neighbours: dict[str, Sequence[str]] = {}
    for key, place in places.items():
        if near := [other for other in places if _touch(place, places[other])]:
            neighbours[key] = sorted(near)
    if not neighbours:
        raise DataError("got no two keys side by side; expected rows of keys", path)
    return neighbours


def _touch(a: tuple[float, int], b: tuple[float, int]) -> bool:
    right, down = abs(a[0] - b[0]), abs(a[1] - b[1])
    return 0 < right <= 1 if down == 0 else down == 1 and right < 1


def make_noise(settings: NoiseSettings, *, rate: float) -> Noise:
    """The noise of these settings in a fraction ``rate`` of the sentences; ``DataError`` for an unknown layout."""
    keyboard = load_keyboard(settings.layout)
    return Noise(keyboard, rate=rate, where=settings.where, words=settings.words, seed=settings.seed)


def noisy_train(train: Sequence[Sentence], settings: NoiseSettings, log: Log) -> Sequence[Sentence]:
    """Replace some training sentences by noisy ones.

    If they were added, runs with noise would take more steps, and the gazetteer, which excludes the mentions of the
    sentence itself, would find them in a copy.
    """
    if not settings.rate:
        return train
    noisy = make_noise(settings, rate=settings.rate)(train)
    log(f"noise in {sum(a != b for a, b in zip(train, noisy, strict=True))} of {len(train)} training sentences")
    return noisy
