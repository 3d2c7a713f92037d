"""From what came to sentences, within limits: a text is one sentence, and the taggers window what is too long."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from coner.core.types import Sentence
from coner.data.formats.text import find_words, lone_surrogate
from coner.serving.problem import Problem
from coner.serving.settings import Limits


def cut(inputs: Sequence[str] | Sequence[Sequence[str]], limits: Limits) -> list[Sentence]:
    """A sentence for each text or list of words; one without a word is empty.

    Raises:
        Problem: 422, at the first limit that is passed, or text that is none. No text is cut farther than needed.
    """
    if len(inputs) > limits.texts:
        raise _wrong(f"{len(inputs)} texts; at most {limits.texts} a request")
    sentences, words = [], 0
    for number, given in enumerate(inputs):
        sentence = _from_text(given, number, limits) if isinstance(given, str) else _from_words(given, number)
        if len(sentence) > limits.text_words:
            count = "more than" if isinstance(given, str) else f"{len(sentence)} words; at most"
            raise _wrong(f"text {number}: {count} {limits.text_words} words; cut it into several texts")
        words += len(sentence)
        if words > limits.words:
            raise _wrong(f"text {number}: more than {limits.words} words with those before it; send several requests")
        sentences.append(sentence)
    return sentences


def _from_text(text: str, number: int, limits: Limits) -> Sentence:
    _check(text, f"text {number}")
    offsets = tuple(islice(find_words(text), limits.text_words + 1))
    return Sentence(tuple([text[a:b] for a, b in offsets]), text=text, offsets=offsets)


def _from_words(words: Sequence[str], number: int) -> Sentence:
    for at, word in enumerate(words):
        _check(word, f"text {number}, word {at}")
    return Sentence(tuple(words))


def _check(text: str, place: str) -> None:
    if (half := lone_surrogate(text)) is not None:
        raise _wrong(f"{place}: character {half} is half of a surrogate pair")


def _wrong(message: str) -> Problem:
    return Problem(422, "invalid_request", message)
