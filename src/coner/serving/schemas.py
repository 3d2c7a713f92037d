"""What comes in and what goes out, as JSON; the OpenAPI description is made from these."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from coner.core.types import Entity, Sentence
from coner.data.formats.text import character_span, raw_text
from coner.data.taxonomy import Taxonomy

# The first fault of a list is told, and none is looked for behind it: a million would fill the memory.
Word = Annotated[str, Field(min_length=1)]
Words = Annotated[list[Word], Field(fail_fast=True)]
Name = Annotated[str, Field(description="Of a model, as in /models; none: the first.")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    model: Name | None = None


class OneText(_Asked):
    """One text."""

    text: str = Field(examples=["the film was shot in reykjavík ."])

    def inputs(self) -> list[str] | list[list[str]]:
        """Texts, or lists of words."""
        return [self.text]


class Texts(_Asked):
    """Several texts. One that has no word has no entity."""

    texts: Annotated[list[str], Field(fail_fast=True)]

    def inputs(self) -> list[str] | list[list[str]]:
        """Texts, or lists of words."""
        return self.texts


class OneSentence(_Asked):
    """One text that is cut into words already. Characters are counted in the words joined by single spaces."""

    words: Words

    def inputs(self) -> list[str] | list[list[str]]:
        """Texts, or lists of words."""
        return [self.words]


class Sentences(_Asked):
    """Several texts that are cut into words already."""

    sentences: Annotated[list[Words], Field(fail_fast=True)]

    def inputs(self) -> list[str] | list[list[str]]:
        """Texts, or lists of words."""
        return self.sentences


MOST_KEYS = 10  # of an object that is looked at: each that is not known is a fault of its own
FORMS = {"text": OneText, "texts": Texts, "words": OneSentence, "sentences": Sentences}


def _form(given: Any) -> str | None:
    """Which of the four it is; ``None`` where it is none, two at once, or full of other keys."""
    named = [key for key in FORMS if key in given] if isinstance(given, dict) and len(given) <= MOST_KEYS else []
    return named[0] if len(named) == 1 else None


Asked = Annotated[
    Annotated[OneText, Tag("text")]
    | Annotated[Texts, Tag("texts")]
    | Annotated[OneSentence, Tag("words")]
    | Annotated[Sentences, Tag("sentences")],
    Discriminator(
        _form,
        custom_error_type="form",
        custom_error_message=f"expected an object with exactly one of: {', '.join(FORMS)}; and, if you like, model",
    ),
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FoundEntity(_Answer):
    """A mention. Offsets are half-open and count from 0; a character is a Unicode code point."""

    start: int = Field(ge=0, description="Its first word.")
    end: int = Field(ge=1, description="The word behind its last one.")
    char_start: int = Field(ge=0, description="Where it begins in the text.")
    char_end: int = Field(ge=1, description="The character behind its last one.")
    text: str = Field(description="The characters between.")
    label: str
    group: str = Field(description="The coarse group that the label belongs to.")
    confidence: float = Field(ge=0, le=1, description="The probability that exactly this is a mention of that label.")


class Result(_Answer):
    """What was found in one text."""

    words: list[str] = Field(description="The words as cut.")
    entities: list[FoundEntity] = Field(description="In order, not overlapping.")


class Answer(_Answer):
    """A result for each text, in their order."""

    model: str
    results: list[Result]


class LabelEntry(_Answer):
    """A fine label."""

    name: str
    definition: str


class Group(_Answer):
    """A coarse group and its labels."""

    name: str
    labels: list[LabelEntry]


class Labels(_Answer):
    """All that a model can find."""

    model: str
    taxonomy: str
    groups: list[Group]


class ModelEntry(_Answer):
    """A model that is served."""

    name: str
    default: bool
    ready: bool
    kind: str | None = Field(description="none: not loaded yet.")


class Models(_Answer):
    """Every model that is served, the default first."""

    models: list[ModelEntry]


class State(_Answer):
    """Of the service."""

    status: str


class ErrorBody(_Answer):
    """What is wrong."""

    code: str = Field(description="For programs.")
    message: str = Field(description="For people, one line.")


class Error(_Answer):
    """Instead of an answer."""

    error: ErrorBody


def result(sentence: Sentence, entities: list[Entity], taxonomy: Taxonomy) -> Result:
    """What goes out for one sentence."""
    text, offsets = raw_text(sentence)
    found = []
    for entity in entities:
        first, last = character_span(entity, offsets)
        found.append(
            FoundEntity(
                start=entity.start,
                end=entity.end,
                char_start=first,
                char_end=last,
                text=text[first:last],
                label=entity.label,
                group=taxonomy.coarse_of(entity.label),
                confidence=min(1.0, max(0.0, entity.score)),  # sums of floats may come out above
            )
        )
    return Result(words=list(sentence.words), entities=found)


def labels(model: str, taxonomy: Taxonomy, known: tuple[str, ...]) -> Labels:
    """The labels that a model knows, in the order of its taxonomy."""
    groups = []
    for name, classes in taxonomy.groups.items():
        entries = [LabelEntry(name=fine, definition=text) for fine, text in classes.items() if fine in known]
        if entries:
            groups.append(Group(name=name, labels=entries))
    return Labels(model=model, taxonomy=taxonomy.name, groups=groups)
