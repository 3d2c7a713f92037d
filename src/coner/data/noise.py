"""Keyboard noise: typos in some words of some sentences, as fingers make them; labels and number of words stay.

Which sentences are noisy and what happens in them depends on the seed and on the sentence's own words and mentions
alone: neither on the order of the file nor on the machine. A sentence that is noisy at one rate is the same at every
higher rate.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from coner.core.errors import ConerError
from coner.core.types import Entity, Sentence
from coner.data.keyboard import Keyboard
from coner.data.reading.words import Span

Where = Literal["context", "mentions", "both"]
Kind = Literal["replace", "insert", "drop", "swap"]
KINDS: tuple[Kind, ...] = ("replace", "insert", "drop", "swap")
VERSION = 1  # changes whenever equal settings may give other noise: it is part of every hash
MARKER = "-DOCSTART-"  # begins a document of CoNLL-2003: no word of its text
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Typo:
    """What becomes of one word: its index in the sentence, what happened, and the word as it is typed."""

    index: int
    kind: Kind
    word: str


@dataclass(frozen=True)
class Noise:
    """How text is made noisy.

    Attributes:
        keyboard: on which it is typed. Characters that are not on it are never touched.
        rate: share of the sentences, each chosen by itself.
        where: in words of mentions, in the others, or in both.
        words: how many words of a noisy sentence: below 1 that share of those that qualify, at least one word; a whole
            number from 1 up: from one to so many, evenly.
        seed: another one gives other noise.

    Raises:
        ConerError: ``rate`` or ``words`` is out of range.
    """

    keyboard: Keyboard
    rate: float = 0.3
    where: Where = "both"
    words: float = 2
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ConerError(f"rate {self.rate:g} of the sentences; expected a number from 0 to 1")
        if not (0 < self.words < 1 or (self.words >= 1 and self.words % 1 == 0)):
            raise ConerError(
                f"{self.words:g} noisy words a sentence; expected a share between 0 and 1, or a whole number from 1 up"
            )

    @property
    def key(self) -> str:
        """What it depends on, as text."""
        own = {"rate": float(self.rate), "where": self.where, "words": float(self.words), "seed": self.seed}
        return json.dumps({**own, "version": VERSION, "keys": dict(self.keyboard.neighbours)}, sort_keys=True)

    def typos(self, sentence: Sentence) -> list[Typo] | None:
        """What becomes of a sentence's words, in order; ``None`` where it is not to be noisy.

        Empty where it is, but has no word that qualifies.

        Raises:
            ValueError: mentions are to be told from context, in a sentence without labels.
        """
        if self.where != "both" and sentence.entities is None:
            raise ValueError(f"noise in {self.where}: the sentence has no labels")
        digest = hashlib.sha256(f"{self.seed}\n{' '.join(sentence.words)}".encode()).digest()
        chance = random.Random(int.from_bytes(digest))
        if chance.random() >= self.rate:
            return None
        places = self._places(sentence.words, sentence.entities or ())
        if not places:
            return []
        if self.words < 1:
            count = max(1, round(self.words * len(places)))
        else:
            count = min(len(places), 1 + int(chance.random() * self.words))
        chosen = sorted(places.pop(_below(len(places), chance)) for _ in range(count))
        return [Typo(i, *mistype(sentence.words[i], self.keyboard, chance)) for i in chosen]

    def __call__(self, sentences: Iterable[Sentence]) -> list[Sentence]:
        """The sentences, some of them noisy, in their order; errors as ``typos``."""
        return [retype(sentence, self.typos(sentence) or ()) for sentence in sentences]

    def _places(self, words: Sequence[str], entities: Iterable[Entity]) -> list[int]:
        """The words that qualify."""
        inside = {i for entity in entities for i in range(entity.start, entity.end)}
        return [
            i
            for i, word in enumerate(words)
            if word != MARKER
            and (self.where == "both" or (i in inside) == (self.where == "mentions"))
            and any(character.lower() in self.keyboard.neighbours for character in word)
        ]


def retype(sentence: Sentence, typos: Iterable[Typo]) -> Sentence:
    """The sentence with typos in it; where it was cut from a text, in the text too."""
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


def mistype(word: str, keyboard: Keyboard, chance: random.Random) -> tuple[Kind, str]:
    """One typo in a word that has a character of the keyboard; case is kept, place by place.

    Each kind that the word allows is as likely: a key becomes a neighbour, a neighbour comes before or behind it, a key
    is left out (never the only one), two keys that differ change places.
    """
    keys = [character.lower() if character.lower() in keyboard.neighbours else "" for character in word]
    known = [i for i, key in enumerate(keys) if key]
    pairs = [i for i in known[:-1] if keys[i + 1] and keys[i + 1] != keys[i]]
    places: dict[Kind, list[int]] = {
        "replace": known,
        "insert": known,
        "drop": known if len(known) > 1 else [],
        "swap": pairs,
    }
    kind = _pick([kind for kind in KINDS if places[kind]], chance)
    i = _pick(places[kind], chance)
    if kind == "drop":
        return kind, word[:i] + word[i + 1 :]
    if kind == "swap":
        return kind, word[:i] + _cased(keys[i + 1], word[i]) + _cased(keys[i], word[i + 1]) + word[i + 2 :]
    other = _cased(_pick(keyboard.neighbours[keys[i]], chance), word[i])
    if kind == "replace":
        return kind, word[:i] + other + word[i + 1 :]
    i += _below(2, chance)
    return kind, word[:i] + other + word[i:]


def _cased(key: str, like: str) -> str:
    """A key in the case of a character, where it has that case as one character (``ß`` has not)."""
    return key.upper() if like.isupper() and len(key.upper()) == 1 else key


def _below(end: int, chance: random.Random) -> int:
    # Of all of ``random``, this alone is promised to stay the same in every version of Python.
    return int(chance.random() * end)


def _pick(items: Sequence[Item], chance: random.Random) -> Item:
    return items[_below(len(items), chance)]
