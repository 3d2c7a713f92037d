"""Sentences cut into what is tagged in one go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from coner.core.types import Sentence
from coner.families.asking import Asking
from coner.families.tagger import Tagger

CHUNK = 1 << 14  # words in memory at a time: about a thousand sentences, some seconds of an encoder's work
CALLS = 64  # of a language model, for the sentences that are in memory at a time


def chunks(tagger: Tagger, sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    """Sentences to be tagged together; where the borders are depends on nothing but the kind and the sentences.

    Those that share a call are in one chunk.
    """
    together = tagger.together if isinstance(tagger, Asking) else 1
    most = CALLS * together if isinstance(tagger, Asking) else CHUNK
    chunk: list[Sentence] = []
    words = 0
    for sentence in sentences:
        chunk.append(sentence)
        words += len(sentence)
        if (words >= CHUNK or len(chunk) >= most) and len(chunk) % together == 0:
            yield chunk
            chunk, words = [], 0
    if chunk:
        yield chunk
