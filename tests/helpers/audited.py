"""A corpus with one annotation error of each kind, which a CRF finds within seconds."""

from __future__ import annotations

from itertools import product

from coner.core.types import Entity, Sentence

NAMES = {
    "Artist": ("nina simone", "prince", "miles davis", "bob dylan", "björk", "nick cave", "rihanna", "tom waits"),
    "City": ("oslo", "new york", "rio", "paris", "tel aviv", "san juan", "lima", "los angeles"),
}
FRAMES = {
    "Artist": (
        *("an album by {} was released", "the singer {} sang a song", "a concert by {} was sold out"),
        *("the voice of {} is famous", "critics praised {} as a singer", "a song by {} was on the radio"),
    ),
    "City": (
        *("they moved to {} in spring", "the harbour of {} is old", "people live in {} since then"),
        *("the trains to {} are late", "the streets of {} are old", "a flight to {} was late"),
    ),
}
PLAIN = ("nothing was said about it", "the weather is fine today", "he went home after work")
# By kind: words, the wrong entities, and the words in question.
WRONG = {
    "class": ("a concert by bob dylan was sold out", [Entity(3, 5, "City")], (3, 5)),
    "boundary": ("they moved to new york in spring", [Entity(4, 5, "City")], (4, 5)),
    "missing": ("the harbour of rio is old", [], (3, 4)),
    "spurious": ("the weather is fine today", [Entity(1, 2, "City")], (1, 2)),
}


def clean_corpus() -> list[Sentence]:
    """Every frame with every name, and sentences without a mention; no text twice."""
    sentences = [
        _sentence(frame, name, label) for label in NAMES for frame, name in product(FRAMES[label], NAMES[label])
    ]
    return [*sentences, *(Sentence(tuple(text.split()), ()) for text in PLAIN)]


def corpus_with_errors() -> list[Sentence]:
    """The corpus, in which the annotation of one sentence has an error of each kind."""
    wrong = {tuple(words.split()): tuple(entities) for words, entities, _ in WRONG.values()}
    return [Sentence(s.words, wrong.get(s.words, s.entities)) for s in clean_corpus()]


def conll(sentences: list[Sentence]) -> str:
    """The sentences in two columns."""
    blocks = []
    for sentence in sentences:
        tags = ["O"] * len(sentence)
        for entity in sentence.entities or ():
            tags[entity.start : entity.end] = [f"I-{entity.label}"] * (entity.end - entity.start)
            tags[entity.start] = f"B-{entity.label}"
        blocks.append("".join(f"{word}\t{tag}\n" for word, tag in zip(sentence.words, tags, strict=True)))
    return "\n".join(blocks)


def _sentence(frame: str, name: str, label: str) -> Sentence:
    start = frame.split().index("{}")
    return Sentence(tuple(frame.replace("{}", name).split()), (Entity(start, start + len(name.split()), label),))
