"""Mention replacement: copies of labelled sentences with other mentions of the same labels.

Dai and Adel (2020, arXiv 2010.11683) compare it with other ways to augment data for named entity recognition.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence

from coner.core.errors import ConerError
from coner.core.types import Entity, Sentence

MentionsByLabel = Mapping[str, Sequence[tuple[str, ...]]]  # label to its distinct mentions, sorted


def mentions_by_label(sentences: Sequence[Sentence]) -> MentionsByLabel:
    """The distinct mentions of each label; ``ConerError`` if there are no labels."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for sentence in sentences:
        for entity in sentence.entities or ():
            found.setdefault(entity.label, set()).add(sentence.words[entity.start : entity.end])
    if not found:
        raise ConerError("got no mention; expected labelled sentences, whose mentions replace each other")
    return {label: sorted(words) for label, words in sorted(found.items())}


def augmented(
    sentence: Sentence, by_label: MentionsByLabel, *, share: float, seed: int, copy: int = 0
) -> Sentence | None:
    """A copy in which each mention is replaced, with probability ``share``, by another one of its label.

    ``None`` if no mention was replaced. The copy depends on the seed, its number and the sentence alone, not on the
    order of the file; it keeps the identifier, and has no text, headers or further columns.
    """
    digest = hashlib.sha256(f"{seed}\n{copy}\n{' '.join(sentence.words)}".encode()).digest()
    chance = random.Random(int.from_bytes(digest))
    words: list[str] = []
    entities: list[Entity] = []
    done, replaced = 0, False
    for entity in sentence.entities or ():
        words.extend(sentence.words[done : entity.start])
        own = chosen = sentence.words[entity.start : entity.end]
        others = [surface for surface in by_label[entity.label] if surface != own]
        if others and chance.random() < share:
            chosen, replaced = chance.choice(others), True
        entities.append(Entity(len(words), len(words) + len(chosen), entity.label))
        words.extend(chosen)
        done = entity.end
    words.extend(sentence.words[done:])
    return Sentence(tuple(words), tuple(entities), sentence.id) if replaced else None


def augment(sentences: Sequence[Sentence], *, copies: int, share: float, seed: int) -> Iterator[Sentence]:
    """All copies of all sentences in which a mention was replaced, in the order of the sentences.

    ``ConerError`` if a number is out of range, or no sentence has a label.
    """
    if copies < 1:
        raise ConerError(f"got {copies} copies; expected at least 1")
    if not 0 < share <= 1:
        raise ConerError(f"got share {share:g}; expected a fraction of the mentions above 0, up to 1")
    by_label = mentions_by_label(sentences)
    for sentence in sentences:
        for copy in range(copies):
            if (other := augmented(sentence, by_label, share=share, seed=seed, copy=copy)) is not None:
                yield other
