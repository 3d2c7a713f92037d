"""Sentences from plain lists, as machine-learning libraries pass them: X of words, y of tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coner.core.errors import DataError
from coner.core.tags import InvalidTags, Scheme, entities_from_tags
from coner.core.types import Sentence

Words = Sequence[str]


def as_sentences(given: Sequence[Words | Sentence]) -> list[Sentence]:
    """Sentences of lists of words; ``DataError`` where one is a text, or holds what is no word."""
    made = []
    for number, one in enumerate(given):
        if isinstance(one, Sentence):
            made.append(one)
            continue
        if isinstance(one, str):
            raise DataError(f"X[{number}]: came a text; expected a list of words (coner.sentence_from_text cuts one)")
        words = tuple(one)
        if bad := [word for word in words if not isinstance(word, str) or not word]:
            raise DataError(f"X[{number}]: {bad[0]!r} among the words; expected strings that are not empty")
        made.append(Sentence(words))
    return made


def labelled(
    given: Sequence[Words | Sentence], tags: Sequence[Sequence[str]] | None, scheme: Scheme = "iob2"
) -> list[Sentence]:
    """Sentences with gold entities: from tags, or, where there are none, their own.

    Raises:
        DataError: there are no labels, the numbers do not fit, or a tag may not stand where it stands.
    """
    sentences = as_sentences(given)
    if tags is None:
        if bare := [number for number, sentence in enumerate(sentences) if sentence.entities is None]:
            raise DataError(f"X[{bare[0]}]: carries no labels; expected tags as y, or Sentences with entities")
        return sentences
    if len(tags) != len(sentences):
        raise DataError(f"X has {len(sentences)} sentences, y {len(tags)}; expected as many")
    made = []
    for number, (sentence, own) in enumerate(zip(sentences, tags, strict=True)):
        if len(own) != len(sentence):
            raise DataError(f"X[{number}] has {len(sentence)} words, y[{number}] {len(own)} tags; expected as many")
        try:
            made.append(replace(sentence, entities=tuple(entities_from_tags(own, scheme))))
        except InvalidTags as error:
            raise DataError(f"y[{number}][{error.index}]: {error}") from None
    return made
