"""What a language model is asked: task and classes first, then examples, then the sentences.

The system message is the same for every call, and fixed examples come next, so that a server's prefix cache works.
Examples are turns of the conversation, in the same form as the question and the answer asked for. Sentences are shown
as their words, joined by single spaces.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.llm.prompts.messages import Message, Prompt
from coner.families.llm.settings import PromptSettings

Level = Literal["fine", "coarse"]

ONE = """\
Find the named entities in the sentence and give each its class.

Classes:
{classes}

Answer in JSON, in the order of the sentence, with the words as they stand there: \
{{"entities": [{{"text": "...", "label": "..."}}]}}. Without any: {{"entities": []}}."""

SEVERAL = """\
Find the named entities in each numbered sentence and give each its class.

Classes:
{classes}

Answer in JSON, for each number a list, in the order of the sentence, with the words as they stand there: \
{{"1": [{{"text": "...", "label": "..."}}], "2": []}}."""


class Mentions:
    """Prompts that ask for the mentions of sentences, with their classes.

    Args:
        taxonomy: of the classes.
        settings: sentences a call, definitions, length of the answer.
        level: whether classes or groups are asked for.
    """

    def __init__(self, taxonomy: Taxonomy, settings: PromptSettings, *, level: Level = "fine") -> None:
        self._settings = settings
        self.labels = taxonomy.labels if level == "fine" else taxonomy.coarse_labels
        self._name: Callable[[str], str] = str if level == "fine" else taxonomy.coarse_of
        if level == "fine":
            classes = describe(taxonomy, taxonomy.labels, settings)
        else:
            classes = _describe_groups(taxonomy, settings)
        self._system = Message("system", (SEVERAL if self.several else ONE).format(classes=classes))

    @property
    def several(self) -> bool:
        """The sentences of a call are numbered."""
        return self._settings.sentences > 1

    def prompt(self, sentences: Sequence[Sentence], examples: Sequence[Sentence]) -> Prompt:
        """One call.

        Args:
            sentences: one, or at most as many as the settings say.
            examples: with gold, in the order in which they are shown.
        """
        turns = [examples] if self.several and examples else [[example] for example in examples]
        messages = [self._system]
        for turn in turns:
            messages += [Message("user", self.question(turn)), Message("assistant", self.answer(turn))]
        messages.append(Message("user", self.question(sentences)))
        schema = mentions_schema(self.labels, len(sentences) if self.several else None)
        return Prompt(tuple(messages), schema, self._settings.answer_tokens * len(sentences))

    def question(self, sentences: Sequence[Sentence]) -> str:
        """The sentences as they are asked."""
        if not self.several:
            return f"Sentence: {shown(sentences[0])}"
        return "\n".join(f"{number}: {shown(sentence)}" for number, sentence in enumerate(sentences, 1))

    def answer(self, sentences: Sequence[Sentence]) -> str:
        """The gold of the sentences as the model should answer it."""
        if not self.several:
            return json.dumps({"entities": self._mentions(sentences[0])}, ensure_ascii=False)
        answers = {str(number): self._mentions(sentence) for number, sentence in enumerate(sentences, 1)}
        return json.dumps(answers, ensure_ascii=False)

    def _mentions(self, sentence: Sentence) -> list[dict[str, str]]:
        return [
            {"text": sentence.surface(entity), "label": self._name(entity.label)} for entity in sentence.entities or ()
        ]


def shown(sentence: Sentence) -> str:
    """A sentence as a model sees it: on one line."""
    return " ".join(" ".join(sentence.words).split())


def describe(taxonomy: Taxonomy, labels: Sequence[str], settings: PromptSettings) -> str:
    """Classes with their definitions, a line each; the names alone on one line."""
    if not settings.definitions:
        return ", ".join(labels)
    definitions = {fine: text for classes in taxonomy.groups.values() for fine, text in classes.items()}
    return _lines({label: definitions.get(label, "") for label in labels})


def _describe_groups(taxonomy: Taxonomy, settings: PromptSettings) -> str:
    """Groups, each with the names of its classes; a group of one class with that one's definition."""
    if not settings.definitions:
        return ", ".join(taxonomy.coarse_labels)
    return _lines(
        {
            coarse: ", ".join(classes) if len(classes) > 1 else next(iter(classes.values()), "")
            for coarse, classes in taxonomy.groups.items()
        }
    )


def _lines(definitions: Mapping[str, str]) -> str:
    return "\n".join(f"- {label}: {text}" if text else f"- {label}" for label, text in definitions.items())


def mentions_schema(labels: Sequence[str], numbered: int | None) -> dict[str, Any]:
    """JSON schema of an answer: of one sentence, or of so many numbered ones. Every key is required, none may be added.

    Only what every server's structured output knows: no lengths, no patterns.
    """
    item = closed({"text": {"type": "string"}, "label": {"type": "string", "enum": list(labels)}})
    if numbered is None:
        return closed({"entities": {"type": "array", "items": item}})
    mentions = {"type": "array", "items": {"$ref": "#/$defs/mention"}}
    schema = closed({str(number): mentions for number in range(1, numbered + 1)})
    return {**schema, "$defs": {"mention": item}}


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
