"""Random samples of a corpus, of any size, of which smaller ones are part of larger ones."""

from __future__ import annotations

from collections.abc import Sequence

from coner.core.types import Sentence
from coner.data.stratify import distribute, duplicate_key


def nested_sample(sentences: Sequence[Sentence], count: int, *, seed: int) -> list[Sentence]:
    """A stratified random sample, in order; a smaller sample with this seed is part of a larger one.

    The sentences are halved until ``count`` are left, or left to add. Each first half gets a sentence of each class
    before the second half gets any, so that rare classes are lost last: where there is no room for a sentence of each.
    """
    if count >= len(sentences) or count <= 0 or len(set(map(duplicate_key, sentences))) == 1:
        return list(sentences[: max(0, count)])
    some, rest = distribute(sentences, {"some": 0.5, "rest": 0.5}, seed=seed, first="some").values()
    if count <= len(some):
        return nested_sample(some, count, seed=seed)
    more = {id(sentence) for sentence in (*some, *nested_sample(rest, count - len(some), seed=seed))}
    return [sentence for sentence in sentences if id(sentence) in more]
