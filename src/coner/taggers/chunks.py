"""Sentences cut into what is tagged in one go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from coner.types import Sentence

CHUNK = 1 << 14  # words in memory at a time: about a thousand sentences, some seconds of an encoder's work


def chunks(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    """Sentences to be tagged together; where the borders are depends on nothing but the sentences."""
    chunk: list[Sentence] = []
    words = 0
    for sentence in sentences:
        chunk.append(sentence)
        words += len(sentence)
        if words >= CHUNK:
            yield chunk
            chunk, words = [], 0
    if chunk:
        yield chunk
