"""Turn the texts of a request into sentences, within the limits of the service."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from coner.core.types import Sentence
from coner.data.reading.words import find_words, lone_surrogate
from coner.serving.errors import ServiceError
from coner.serving.settings import Limits


def make_sentences(inputs: Sequence[str] | Sequence[Sequence[str]], limits: Limits) -> list[Sentence]:
    """One sentence for each text or list of words; empty where there are no words.

    Raises:
        ServiceError: 422, at the first limit that is exceeded or the first lone surrogate. A text is read no further
            than its limit.
    """
    if len(inputs) > limits.texts:
        raise _invalid(f"got {len(inputs)} texts; expected at most {limits.texts}. Fix: send several requests")
    sentences, total = [], 0
    for number, text in enumerate(inputs):
        place = f"text {number}"
        sentence = _from_text(text, place, limits) if isinstance(text, str) else _from_words(text, place)
        if len(sentence) > limits.text_words:
            raise _invalid(f"{place}: too long; expected at most {limits.text_words} words. Fix: send several texts")
        total += len(sentence)
        if total > limits.words:
            raise _invalid(f"{place}: expected at most {limits.words} words in one request. Fix: send several requests")
        sentences.append(sentence)
    return sentences


def _from_text(text: str, place: str, limits: Limits) -> Sentence:
    _check(text, place)
    offsets = tuple(islice(find_words(text), limits.text_words + 1))
    return Sentence(tuple([text[start:end] for start, end in offsets]), text=text, offsets=offsets)


def _from_words(words: Sequence[str], place: str) -> Sentence:
    for number, word in enumerate(words):
        _check(word, f"{place}, word {number}")
    return Sentence(tuple(words))


def _check(text: str, place: str) -> None:
    if (index := lone_surrogate(text)) is not None:
        raise _invalid(f"{place}: got half of a surrogate pair at character {index}; expected whole characters")


def _invalid(message: str) -> ServiceError:
    return ServiceError(422, "invalid_request", message)
