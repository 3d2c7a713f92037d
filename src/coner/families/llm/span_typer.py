"""A label for a mention whose words are known: of a hybrid, or of the second of two steps."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence

from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.llm.answers.label_choice import chosen
from coner.families.llm.answers.outcomes import Rule, add
from coner.families.llm.prompts.builder import closed, describe, shown
from coner.families.llm.prompts.examples import Examples
from coner.families.llm.prompts.messages import Complete, Completion, Failure, Message, Prompt
from coner.families.llm.settings import PromptSettings

Item = tuple[Sentence, Entity, Sequence[str]]
"""A sentence, a span of it (its label is not looked at), and the labels to choose from."""

SYSTEM = """\
Choose the class of the mention in the sentence.

Classes:
{classes}

Answer in JSON: {{"label": "..."}}."""


class SpanTyper:
    """Lets the model choose among labels.

    Args:
        taxonomy: of the classes, for their definitions.
        prompt: definitions, length of the answer; a mention a call whatever ``sentences`` says, for most of the prompt
            is the same and stays in the server's cache.
        examples: one mention of each chosen sentence that has one among the labels.
        counts: to count into; a new one where none is given.

    Attributes:
        counts: by rule (``tally``), since it was made.
    """

    def __init__(
        self, taxonomy: Taxonomy, prompt: PromptSettings, examples: Examples, *, counts: Counter[str] | None = None
    ) -> None:
        self.counts: Counter[str] = Counter() if counts is None else counts
        self._settings = prompt
        self._examples = examples
        self._taxonomy = taxonomy
        self._place = {label: place for place, label in enumerate(taxonomy.labels)}

    def __call__(self, items: Iterable[Item], complete: Complete) -> Iterator[str | Failure]:
        """A label an item, of its own, in order; the first one where the answer names none (counted).

        With one label to choose from there is no call.

        Raises:
            ValueError: an item without labels.
        """
        firsts = deque[str]()

        def noted() -> Iterator[Item]:
            for item in items:
                if not item[2]:
                    raise ValueError(f"{item[1]} has no labels to choose from")
                firsts.append(item[2][0])
                yield item

        for label in self.decide(noted(), complete):
            first = firsts.popleft()
            yield first if label is None else label

    def decide(self, items: Iterable[Item], complete: Complete) -> Iterator[str | Failure | None]:
        """The same, ``None`` where the answer names no label."""
        waiting = deque[Item]()

        def prompts() -> Iterator[Prompt]:
            for item in items:
                waiting.append(item)
                if len(item[2]) > 1:
                    yield self.prompt(item)

        for answer in complete(prompts()):
            while len(waiting[0][2]) == 1:
                yield waiting.popleft()[2][0]
            yield self._label(answer, waiting.popleft()[2])
        yield from (item[2][0] for item in waiting)

    def prompt(self, item: Item) -> Prompt:
        """What is asked for an item."""
        sentence, entity, labels = item
        last = len(self._place)
        ordered = sorted(dict.fromkeys(labels), key=lambda label: self._place.get(label, last))
        classes = describe(self._taxonomy, ordered, self._settings)
        messages = [Message("system", SYSTEM.format(classes=classes))]
        for example in self._examples.choose(sentence):
            shown_one = next((one for one in example.entities or () if one.label in ordered), None)
            if shown_one is not None:
                messages.append(Message("user", _question(example, shown_one)))
                messages.append(Message("assistant", json.dumps({"label": shown_one.label}, ensure_ascii=False)))
        messages.append(Message("user", _question(sentence, entity)))
        schema = closed({"label": {"type": "string", "enum": ordered}})
        return Prompt(tuple(messages), schema, self._settings.answer_tokens)

    def _label(self, answer: Completion | Failure, labels: Sequence[str]) -> str | Failure | None:
        add(self.counts, Rule.CHOICES)
        if isinstance(answer, Failure):
            add(self.counts, Rule.FAILED)
            return answer
        add(self.counts, Rule.ANSWERS)
        add(self.counts, Rule.CUT, answer.finish == "length")
        label = chosen(answer.text, labels, self.counts)
        add(self.counts, Rule.UNDECIDED, label is None)
        return label


def _question(sentence: Sentence, entity: Entity) -> str:
    return f"Sentence: {shown(sentence)}\nMention: {' '.join(sentence.surface(entity).split())}"
