"""The values that cross a border between parts: words in, entities out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """A labelled span of words, half-open: ``words[start:end]``.

    ``score`` is the probability that the tagger gives to exactly this span with this label. It is no part of
    equality or order, so that gold and predicted entities are compared as sets.
    """

    start: int
    end: int
    label: str
    score: float = field(default=1.0, compare=False)


@dataclass(frozen=True, slots=True)
class Mention:
    """An entity in a text, told in characters: ``source[mention.start:mention.end] == mention.text``.

    Attributes:
        text: the characters of it.
        label: fine.
        group: coarse.
        score: as of ``Entity``.
        start, end: half-open; Unicode code points, counted from 0.
    """

    text: str
    label: str
    group: str
    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: its words and, where the source has them, its gold entities.

    Attributes:
        words: the words as the file has them, zero-width characters included; never empty strings.
        entities: gold, sorted and not overlapping; ``None`` where the source carries no labels at all, which is
            not the same as ``()``: labelled, and without an entity.
        id: the source's own name of the sentence, where it has one.
        header: the comment lines above the sentence, verbatim, without line ends.
        columns: the middle columns of each word (between word and tag), verbatim; ``()`` where there are none.
        text: the raw text that the words were cut from, where the source was text.
        offsets: for each word its half-open character span in ``text``.
        line: where the sentence begins in its file, counted from 1; 0 where it came from no file.
    """

    words: tuple[str, ...]
    entities: tuple[Entity, ...] | None = None
    id: str | None = None
    header: tuple[str, ...] = ()
    columns: tuple[tuple[str, ...], ...] = ()
    text: str | None = None
    offsets: tuple[tuple[int, int], ...] = ()
    line: int = field(default=0, compare=False)

    def __len__(self) -> int:
        return len(self.words)

    def surface(self, entity: Entity) -> str:
        """The words of an entity, joined by single spaces."""
        return " ".join(self.words[entity.start : entity.end])


def surfaces(sentences: Iterable[Sentence]) -> set[str]:
    """What is mentioned in labelled sentences, case aside: it tells seen mentions from unseen ones."""
    return {sentence.surface(entity).lower() for sentence in sentences for entity in sentence.entities or ()}


def non_overlapping(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Entities in order of their start; raises ``ValueError`` where two share a word or one is empty."""
    ordered = tuple(sorted(entities))
    reached = 0
    for entity in ordered:
        if not reached <= entity.start < entity.end:
            raise ValueError(f"{entity} is empty or overlaps the entity before it")
        reached = entity.end
    return ordered
