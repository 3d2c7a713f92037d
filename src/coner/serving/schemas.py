"""Request and response bodies, the source of the OpenAPI description, and their conversion to sentences and back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from coner.core.types import Sentence
from coner.data.reading.words import character_span, find_words, lone_surrogate, raw_text
from coner.families.tagger import Prediction, Tagger
from coner.knowledge.entry import KNOWN
from coner.serving.errors import ServiceError
from coner.serving.settings import Limits

# Lists fail at their first invalid item: errors for a million items would fill the memory.
Words = Annotated[list[Annotated[str, Field(min_length=1)]], Field(fail_fast=True)]


class _TagRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    model: Annotated[str, Field(description="Name of a model, as in /models; by default the first.")] | None = None


class OneText(_TagRequest):
    """One text."""

    text: str = Field(examples=["the film was shot in reykjavík ."])


class Texts(_TagRequest):
    """Several texts. A text without words has no entities."""

    texts: Annotated[list[str], Field(fail_fast=True)]


class OneSentence(_TagRequest):
    """One text, split into words. Characters are counted in the words joined by single spaces."""

    words: Words


class Sentences(_TagRequest):
    """Several texts, each split into words."""

    sentences: Annotated[list[Words], Field(fail_fast=True)]


MAX_KEYS = 10  # of an object that is validated: every unknown key is an error of its own
FORMS = {"text": OneText, "texts": Texts, "words": OneSentence, "sentences": Sentences}


def _form(body: Any) -> str | None:
    """The key that says which form a body has; None if it has no such key, several, or too many others."""
    named = [key for key in FORMS if key in body] if isinstance(body, dict) and len(body) <= MAX_KEYS else []
    return named[0] if len(named) == 1 else None


TagRequest = Annotated[
    Annotated[OneText, Tag("text")]
    | Annotated[Texts, Tag("texts")]
    | Annotated[OneSentence, Tag("words")]
    | Annotated[Sentences, Tag("sentences")],
    Discriminator(
        _form,
        custom_error_type="form",
        custom_error_message=f"expected an object with exactly one of: {', '.join(FORMS)}; and optionally model",
    ),
]


class ResponseBody(BaseModel):
    """A body that the service sends."""

    model_config = ConfigDict(extra="forbid")


class FoundEntity(ResponseBody):
    """An entity. Offsets are half-open and count from 0; a character is a Unicode code point."""

    start: int = Field(ge=0, description="Its first word.")
    end: int = Field(ge=1, description="The word after its last.")
    char_start: int = Field(ge=0, description="Its first character in the text.")
    char_end: int = Field(ge=1, description="The character after its last.")
    text: str = Field(description="The characters from char_start to char_end.")
    label: str
    group: str = Field(description="The coarse group of the label.")
    confidence: float = Field(ge=0, le=1, description="Probability of exactly this span with this label.")
    kb_id: str | None = Field(description="Its id in the knowledge base; null: not linked.")
    known: list[str] | None = Field(
        description=f"Entries of the knowledge base with this name, at most {KNOWN}; null: no knowledge base."
    )


class RuleChanges(ResponseBody):
    """How many entities of a text the rules of the service have changed."""

    added: int
    removed: int
    relabelled: int


class TextResult(ResponseBody):
    """The entities of one text."""

    words: list[str] = Field(description="The words of the text.")
    entities: list[FoundEntity] = Field(description="In order, without overlaps.")
    rules: RuleChanges | None = Field(description="null: the service has no rules.")


class TagResponse(ResponseBody):
    """One result for each text, in the same order."""

    model: str
    results: list[TextResult]


class Status(ResponseBody):
    """State of the service."""

    status: str


class ErrorBody(ResponseBody):
    """What went wrong."""

    code: str = Field(description="For programs; the same in every version.")
    message: str = Field(description="For people; one line.")


class Error(ResponseBody):
    """The body of every response that is not a success."""

    error: ErrorBody


def make_sentences(request: OneText | Texts | OneSentence | Sentences, limits: Limits) -> list[Sentence]:
    """One sentence for each text or list of words; empty where there are no words.

    Raises:
        ServiceError: 422, at the first limit that is exceeded or the first lone surrogate. A text is read no further
            than its limit.
    """
    values = next(getattr(request, form) for form in FORMS if hasattr(request, form))
    inputs: list[str] | list[list[str]] = values if isinstance(request, Texts | Sentences) else [values]
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
        raise _invalid(f"{place}: got a lone surrogate at character {index}; expected whole characters")


def _invalid(message: str) -> ServiceError:
    return ServiceError(422, "invalid_request", message)


def text_result(prediction: Prediction, tagger: Tagger) -> TextResult:
    """The response for one sentence and its entities."""
    sentence, entities, taxonomy = prediction.sentence, prediction.entities or (), tagger.taxonomy
    text, offsets = raw_text(sentence)
    spans = [character_span(entity, offsets) for entity in entities]
    of_names = prediction.known or [None] * len(entities)
    shown = [
        FoundEntity(
            start=entity.start,
            end=entity.end,
            char_start=first,
            char_end=last,
            text=text[first:last],
            label=entity.label,
            group=taxonomy.coarse_of(entity.label),
            confidence=min(1.0, max(0.0, entity.score)),  # rounding may put a sum of probabilities above 1
            kb_id=entity.kb_id or None,
            known=None if known is None else list(known),
        )
        for entity, (first, last), known in zip(entities, spans, of_names, strict=True)
    ]
    rules = None if tagger.rules is None else RuleChanges(**prediction.changes._asdict())
    return TextResult(words=list(sentence.words), entities=shown, rules=rules)
