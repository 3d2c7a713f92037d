"""Sentences, entities and mentions: the values that pass between all other modules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from operator import index

from coner.core.errors import DataError, quoted


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Entity:
    """A labelled span of words, half-open: ``words[start:end]``.

    ``score`` is the tagger's confidence: its probability of exactly this span with this label. ``kb_id`` is the id of
    the entry of a knowledge base that it was linked to, if any. Equality and order ignore both, so that gold and
    predicted entities can be compared as sets.
    """

    start: int
    end: int
    label: str
    score: float = field(default=1.0, compare=False)
    kb_id: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Raise ``DataError`` for values of other types; numpy's whole numbers become Python's."""
        if type(self.start) is not int or type(self.end) is not int:
            try:
                object.__setattr__(self, "start", index(self.start))
                object.__setattr__(self, "end", index(self.end))
            except TypeError:
                message = f"got start {quoted(self.start)} and end {quoted(self.end)}; expected whole numbers"
                raise DataError(f"Entity: {message}") from None
        if not isinstance(self.label, str):
            raise DataError(f"Entity: got label {quoted(self.label)}; expected a string")

    def __repr__(self) -> str:
        return _repr(self)


@dataclass(frozen=True, slots=True, repr=False)
class Mention:
    """An entity in a text, by characters: ``source[mention.start:mention.end] == mention.text``.

    ``label`` is the fine label, ``group`` the coarse one. Offsets count Unicode code points, from 0. ``kb_id`` is an id
    in a knowledge base, see ``Entity``.
    """

    text: str
    label: str
    group: str
    score: float
    start: int
    end: int
    kb_id: str = ""

    def __repr__(self) -> str:
        return _repr(self)


def _repr(value: Entity | Mention | Sentence, *, hidden: Collection[str] = ()) -> str:
    """The ``repr`` of a dataclass, without what is hidden or not set."""
    named = [(field, getattr(value, field.name)) for field in fields(value) if field.name not in hidden]
    shown = [f"{of.name}={one!r}" for of, one in named if one != of.default or of.default not in ("", None)]
    return f"{type(value).__name__}({', '.join(shown)})"


@dataclass(frozen=True, slots=True)
class Region:
    """Words of a sentence, ``words[start:end]``, of which only a set of possible labels is known."""

    start: int
    end: int
    labels: frozenset[str]
    whole: bool  # they are one mention, with one of the labels; else any number of mentions of these labels, or none


@dataclass(frozen=True, slots=True, repr=False)
class Sentence:
    """One sentence: its words and, if the source has them, its gold entities."""

    words: tuple[str, ...]  # as in the file, including zero-width characters; never empty strings
    entities: tuple[Entity, ...] | None = None  # gold, sorted and disjoint; ``None`` if the source is not annotated
    id: str | None = None  # identifier in the source
    header: tuple[str, ...] = ()  # the lines above the sentence that are not words, verbatim, without line ends
    columns: tuple[tuple[str, ...], ...] = ()  # for each word, its other columns; empty if the file has none
    text: str | None = None  # the raw text that the words were split from, if the source was text
    offsets: tuple[tuple[int, int], ...] = ()  # half-open character span in ``text`` of each word
    line: int = field(default=0, compare=False)  # where it begins in the file, counted from 1; 0: not from a file
    # For a partial annotation (see ``data.label_map``): sorted and disjoint, with a whole region for each entity; words
    # in no region are outside of mentions. ``None``: the entities are complete.
    regions: tuple[Region, ...] | None = None
    annotated: frozenset[str] | None = field(default=None, compare=False)  # labels that its source annotates; None: all

    def __post_init__(self) -> None:
        """Raise ``DataError`` for values of other types; sequences of words and entities become tuples."""
        for name in ("words", "entities"):
            if type(values := getattr(self, name)) is not tuple and (name == "words" or values is not None):
                if isinstance(values, str) or not isinstance(values, Iterable):
                    raise DataError(f"Sentence: got {name} {quoted(values)}; expected a tuple")
                object.__setattr__(self, name, tuple(values))
        try:
            "".join(self.words).encode()
        except TypeError:
            at = next(i for i, word in enumerate(self.words) if not isinstance(word, str))
            raise DataError(f"Sentence: word {at}: got {quoted(self.words[at])}; expected a string") from None
        except UnicodeEncodeError:
            at = next(i for i, word in enumerate(self.words) if any("\ud800" <= c <= "\udfff" for c in word))
            message = f"got {quoted(self.words[at])} with a lone surrogate; expected whole characters"
            raise DataError(f"Sentence: word {at}: {message}") from None
        for entity in self.entities or ():
            if not isinstance(entity, Entity):
                raise DataError(f"Sentence: got {quoted(entity)}; expected entities such as Entity(0, 2, 'City')")

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        return _repr(self, hidden=("header", "columns", "offsets", "line"))

    def surface(self, entity: Entity | Region) -> str:
        """The words of an entity, joined by single spaces."""
        return " ".join(self.words[entity.start : entity.end])

    def _repr_html_(self) -> str:
        """The text with its mentions in colour, for notebooks."""
        from coner.core.html import notebook_sentence

        return notebook_sentence(self, self.entities, "not annotated")


def with_regions(sentence: Sentence, regions: Sequence[Region]) -> Sentence:
    """The sentence with these regions instead of its entities; with entities only, if no region leaves a choice."""
    certain = [region for region in regions if region.whole and len(region.labels) == 1]
    entities = tuple(Entity(region.start, region.end, next(iter(region.labels))) for region in certain)
    return replace(sentence, entities=entities, regions=None if len(certain) == len(regions) else tuple(regions))


def compact_text(sentence: Sentence) -> str:
    """The text in lower case without white space: two files may split the same text into different words."""
    return "".join(" ".join(sentence.words).lower().split())  # lower case depends on where a word ends: ς


def surfaces(sentences: Iterable[Sentence]) -> set[str]:
    """Lower-cased surface forms of all gold mentions, to separate seen from unseen mentions."""
    return {sentence.surface(mention).lower() for sentence in sentences for mention in mentions_of(sentence)}


def possible_labels(sentences: Collection[Sentence]) -> set[str]:
    """The labels that gold mentions have or may have."""
    labels = {entity.label for sentence in sentences for entity in sentence.entities or ()}
    wholes = (region for sentence in sentences for region in sentence.regions or () if region.whole)
    return labels.union(*(region.labels for region in wholes))


def mentions_of(sentence: Sentence) -> list[Entity | Region]:
    """The gold mentions of a sentence, including those of which only a set of labels is known."""
    if sentence.regions is None:
        return list(sentence.entities or ())
    return [region for region in sentence.regions if region.whole]


def require_sentence(value: object) -> None:
    """``DataError`` unless it is a ``Sentence``."""
    if not isinstance(value, Sentence):
        raise DataError(f"got {quoted(value)}; expected a Sentence. Fix: coner.sentence_from_text makes one of a text")
