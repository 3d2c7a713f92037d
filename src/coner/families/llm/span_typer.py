"""Choose the label of a mention whose words are known: for a hybrid, and in the second of two steps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.llm.answers.events import Event, add
from coner.families.llm.answers.reader import read_label
from coner.families.llm.endpoint.messages import Complete, Completion, Message, Prompt
from coner.families.llm.prompts.builder import closed_object, list_classes, sentence_text
from coner.families.llm.prompts.examples import ExampleSelector
from coner.families.llm.prompts.settings import PromptSettings
from coner.families.usage import Failure


class Choice(NamedTuple):
    """A span in a sentence (its label is ignored), and the labels to choose from: at least one."""

    sentence: Sentence
    span: Entity
    labels: Sequence[str]


SYSTEM = """\
Choose the class of the mention in the sentence.

Classes:
{classes}

Answer in JSON: {{"label": "..."}}."""


class SpanTyper:
    """Lets a language model choose among labels.

    Each call asks about one mention whatever ``prompt.sentences`` says: most of the prompt is equal in all calls and
    stays in the server's cache. Of each example, one mention with one of the labels is shown. Events are counted in
    ``counts`` (see ``answers.events``).
    """

    def __init__(
        self, taxonomy: Taxonomy, prompt: PromptSettings, examples: ExampleSelector, counts: Counter[str] | None = None
    ) -> None:
        self.counts: Counter[str] = Counter() if counts is None else counts
        self._settings = prompt
        self._examples = examples
        self._taxonomy = taxonomy
        self._order = {label: place for place, label in enumerate(taxonomy.labels)}

    def __call__(self, choices: Sequence[Choice], complete: Complete) -> list[str | Failure | None]:
        """One label for each choice, in order; ``None`` if the answer names none of them.

        A choice of one label needs no call.
        """
        answers = iter(list(complete(self.prompt(choice) for choice in choices if len(choice.labels) > 1)))
        return [c.labels[0] if len(c.labels) == 1 else self._label(next(answers), c.labels) for c in choices]

    def prompt(self, choice: Choice) -> Prompt:
        """The prompt of one choice."""
        sentence, span, labels = choice
        ordered = sorted(dict.fromkeys(labels), key=lambda label: self._order.get(label, len(self._order)))
        classes = list_classes(self._taxonomy, ordered, self._settings)
        messages = [Message("system", SYSTEM.format(classes=classes))]
        for example in self._examples.select(sentence):
            shown = next((one for one in example.entities or () if one.label in ordered), None)
            if shown is not None:
                messages.append(Message("user", _question(example, shown)))
                messages.append(Message("assistant", json.dumps({"label": shown.label}, ensure_ascii=False)))
        messages.append(Message("user", _question(sentence, span)))
        schema = closed_object({"label": {"type": "string", "enum": ordered}})
        return Prompt(tuple(messages), schema, self._settings.answer_tokens)

    def _label(self, answer: Completion | Failure, labels: Sequence[str]) -> str | Failure | None:
        add(self.counts, Event.CHOICES)
        if isinstance(answer, Failure):
            add(self.counts, Event.FAILED)
            return answer
        add(self.counts, Event.ANSWERS)
        add(self.counts, Event.CUT, answer.finish == "length")
        label = read_label(answer.text, labels, self.counts)
        add(self.counts, Event.UNDECIDED, label is None)
        return label


def _question(sentence: Sentence, span: Entity) -> str:
    return f"Sentence: {sentence_text(sentence)}\nMention: {' '.join(sentence.surface(span).split())}"
