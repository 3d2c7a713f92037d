"""Build prompts: task and classes first, then examples, then the sentences.

The system message is equal in all calls, and fixed examples come next, so that the prefix cache of a server works.
Examples are turns of the conversation, in the form of the question and of the expected answer. A sentence is shown as
its words, joined by single spaces.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.llm.endpoint.messages import Message, Prompt
from coner.families.llm.settings import PromptSettings

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


# Descriptions of the known names in a sentence; the flag marks an example, whose own labels are left out of the
# knowledge base.
Known = Callable[[Sentence, bool], Sequence[str]]


class PromptBuilder:
    """Builds prompts that ask for the mentions of sentences and their labels; coarse ones in the first of two steps.

    Names that ``known`` finds are listed below their sentence.
    """

    def __init__(self, taxonomy: Taxonomy, settings: PromptSettings, known: Known = lambda _, __: ()) -> None:
        self._settings, self._known = settings, known
        self.numbered = settings.sentences > 1
        self._label: Callable[[str], str] = str
        self._labels, classes = taxonomy.labels, list_classes(taxonomy, taxonomy.labels, settings)
        if settings.steps > 1:
            self._label = taxonomy.coarse_of
            self._labels, classes = taxonomy.coarse_labels, _list_groups(taxonomy, settings)
        self._system = Message("system", (SEVERAL if self.numbered else ONE).format(classes=classes))

    def build(self, sentences: Sequence[Sentence], examples: Sequence[Sentence]) -> Prompt:
        """The prompt of one call, with labelled examples in the order in which they are shown."""
        turns = [examples] if self.numbered and examples else [[example] for example in examples]
        messages = [self._system]
        for turn in turns:
            question = self.question(turn, examples=True)
            messages += [Message("user", question), Message("assistant", self.expected_answer(turn))]
        messages.append(Message("user", self.question(sentences)))
        schema = _mentions_schema(self._labels, len(sentences) if self.numbered else None)
        return Prompt(tuple(messages), schema, self._settings.answer_tokens * len(sentences))

    def question(self, sentences: Sequence[Sentence], *, examples: bool = False) -> str:
        """The message that shows the sentences."""
        titles = map(str, range(1, len(sentences) + 1)) if self.numbered else ["Sentence"]
        lines = []
        for title, sentence in zip(titles, sentences, strict=True):
            lines.append(f"{title}: {sentence_text(sentence)}")
            if known := self._known(sentence, examples):
                lines.append(f"Known names, not all of which are meant: {'; '.join(known)}")
        return "\n".join(lines)

    def expected_answer(self, sentences: Sequence[Sentence]) -> str:
        """The gold entities of the sentences as the model should answer them."""
        mentions = [
            [{"text": sentence.surface(e), "label": self._label(e.label)} for e in sentence.entities or ()]
            for sentence in sentences
        ]
        if not self.numbered:
            return json.dumps({"entities": mentions[0]}, ensure_ascii=False)
        return json.dumps({str(number): some for number, some in enumerate(mentions, 1)}, ensure_ascii=False)


def sentence_text(sentence: Sentence) -> str:
    """The words of a sentence on one line."""
    return " ".join(" ".join(sentence.words).split())


def list_classes(taxonomy: Taxonomy, labels: Sequence[str], settings: PromptSettings) -> str:
    """Labels with their definitions, one per line; without definitions all on one line."""
    if not settings.definitions:
        return ", ".join(labels)
    definitions = {fine: text for classes in taxonomy.groups.values() for fine, text in classes.items()}
    return _lines({label: definitions.get(label, "") for label in labels})


def _list_groups(taxonomy: Taxonomy, settings: PromptSettings) -> str:
    # Each group with the names of its classes, or with the definition of its only class.
    if not settings.definitions:
        return ", ".join(taxonomy.coarse_labels)
    described = (", ".join(c) if len(c) > 1 else next(iter(c.values()), "") for c in taxonomy.groups.values())
    return _lines(dict(zip(taxonomy.groups, described, strict=True)))


def _lines(definitions: Mapping[str, str]) -> str:
    return "\n".join(f"- {label}: {text}" if text else f"- {label}" for label, text in definitions.items())


def _mentions_schema(labels: Sequence[str], numbered: int | None) -> dict[str, Any]:
    # Only what the structured output of every server supports: no lengths, no patterns.
    mention = closed_object({"text": {"type": "string"}, "label": {"type": "string", "enum": list(labels)}})
    if numbered is None:
        return closed_object({"entities": {"type": "array", "items": mention}})
    mentions = {"type": "array", "items": {"$ref": "#/$defs/mention"}}
    schema = closed_object({str(number): mentions for number in range(1, numbered + 1)})
    return {**schema, "$defs": {"mention": mention}}


def closed_object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """JSON schema of an object with exactly these keys."""
    keys = {"properties": dict(properties), "required": list(properties)}
    return {"type": "object", **keys, "additionalProperties": False}
