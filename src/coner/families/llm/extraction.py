"""Find the entities of sentences, and choose the labels of mentions, with a language model."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.llm.answers.alignment import align
from coner.families.llm.answers.events import Event, add
from coner.families.llm.answers.mentions import LabelMatcher
from coner.families.llm.answers.reader import AnswerReader, read_label
from coner.families.llm.endpoint.messages import Complete, Completion, Message, Prompt
from coner.families.llm.examples import ExampleSelector, word_key
from coner.families.llm.prompts import Known, PromptBuilder, closed_object, list_classes, sentence_text
from coner.families.llm.settings import PromptSettings
from coner.families.tagger import Prediction
from coner.families.usage import Failure

CHUNK = 256  # sentences (about) per round of both steps: a client serves one step at a time


class EntityExtractor:
    """Finds the entities of sentences with a language model.

    With ``prompt.steps = 1`` it asks for fine labels. With 2 it first asks for mentions with coarse labels, then, with
    one call per mention, for the fine label within the group; groups of one class need no second call. Events are
    counted in ``counts`` (see ``answers.events``). For ``known`` see ``PromptBuilder``.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        prompt: PromptSettings,
        examples: ExampleSelector,
        *,
        known: Known = lambda _, __: (),
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._settings = prompt
        self._taxonomy = taxonomy
        self._examples = examples
        self._builder = PromptBuilder(taxonomy, prompt, known)
        labels = LabelMatcher.of_classes(taxonomy) if prompt.steps == 1 else LabelMatcher(taxonomy.coarse_labels)
        self._reader = AnswerReader(labels, self.counts)
        self._typer = SpanTyper(taxonomy, prompt, examples, self.counts)

    def prompts(self, sentences: Sequence[Sentence]) -> list[Prompt]:
        """The prompts of the first step."""
        return [self._prompt(group) for group in _groups(sentences, self._settings.sentences)]

    def __call__(self, sentences: Iterable[Sentence], complete: Complete) -> Iterator[Prediction]:
        """One prediction for each sentence, in order; not ``reliable`` if the answer is unreadable or cut off.

        Sentences are consumed as ``complete`` consumes prompts; with two steps, about ``CHUNK`` at a time.
        """
        if self._settings.steps == 1:
            yield from self._first_step(sentences, complete)
            return
        calls = -(-CHUNK // self._settings.sentences)  # whole calls, so that the ledger finds the prompts again
        for chunk in _groups(sentences, calls * self._settings.sentences):
            yield from self._second_step(list(self._first_step(chunk, complete)), complete)

    def _first_step(self, sentences: Iterable[Sentence], complete: Complete) -> Iterator[Prediction]:
        waiting = deque[tuple[Sentence, ...]]()

        def prompts() -> Iterator[Prompt]:
            for group in _groups(sentences, self._settings.sentences):
                waiting.append(group)
                yield self._prompt(group)

        for answer in complete(prompts()):
            yield from self._extract(waiting.popleft(), answer)

    def _prompt(self, group: Sequence[Sentence]) -> Prompt:
        """A prompt with the examples of all its sentences: each once, and none that is in the group."""
        own = set(map(word_key, group))
        examples = {word_key(one): one for sentence in group for one in self._examples.select(sentence)}
        return self._builder.build(group, [example for key, example in examples.items() if key not in own])

    def _extract(self, group: Sequence[Sentence], answer: Completion | Failure) -> Iterator[Prediction]:
        if isinstance(answer, Failure):
            add(self.counts, Event.FAILED)
            yield from (Prediction(sentence, None, failures=(answer,)) for sentence in group)
            return
        cut = answer.finish == "length"
        add(self.counts, Event.ANSWERS)
        add(self.counts, Event.CUT, cut)
        numbered = len(group) if self._builder.numbered else None
        read = self._reader.read(answer.text, question=self._builder.question(group), numbered=numbered)
        for sentence, mentions in zip(group, read, strict=True):
            entities = align(sentence, mentions or (), self.counts)
            yield Prediction(sentence, entities, reliable=mentions is not None and not cut)

    def _second_step(self, coarse: Sequence[Prediction], complete: Complete) -> Iterator[Prediction]:
        """Replace coarse by fine labels; a mention for which the model names no class is dropped."""
        choices = [
            LabelChoice(prediction.sentence, entity, tuple(self._taxonomy.groups[entity.label]))
            for prediction in coarse
            for entity in prediction.entities or ()
        ]
        labels = iter(self._typer(choices, complete))
        for prediction in coarse:
            typed = [(entity, next(labels)) for entity in prediction.entities or ()]
            failure = next((label for _, label in typed if isinstance(label, Failure)), None)
            if failure is not None or prediction.entities is None:
                failures = prediction.failures if failure is None else (failure,)
                yield Prediction(prediction.sentence, None, failures=failures)
                continue
            kept = tuple(replace(entity, label=label) for entity, label in typed if isinstance(label, str))
            add(self.counts, Event.UNTYPED, len(typed) - len(kept))
            yield replace(prediction, entities=kept)


def _groups(sentences: Iterable[Sentence], size: int) -> Iterator[tuple[Sentence, ...]]:
    rest = iter(sentences)
    while group := tuple(islice(rest, size)):
        yield group


SYSTEM = """\
Choose the class of the mention in the sentence.

Classes:
{classes}

Answer in JSON: {{"label": "..."}}."""


class LabelChoice(NamedTuple):
    """A span in a sentence (its label is ignored), and the labels to choose from: at least one."""

    sentence: Sentence
    span: Entity
    labels: Sequence[str]


class SpanTyper:
    """Lets a language model choose among labels.

    Each call asks about one mention, regardless of ``prompt.sentences``: most of the prompt is equal in all calls and
    stays in the server's cache. Each example shows one mention with one of the labels. Events are counted in ``counts``
    (see ``answers.events``).
    """

    def __init__(
        self, taxonomy: Taxonomy, prompt: PromptSettings, examples: ExampleSelector, counts: Counter[str] | None = None
    ) -> None:
        self.counts: Counter[str] = Counter() if counts is None else counts
        self._settings = prompt
        self._examples = examples
        self._taxonomy = taxonomy
        self._order = {label: place for place, label in enumerate(taxonomy.labels)}

    def __call__(self, choices: Sequence[LabelChoice], complete: Complete) -> list[str | Failure | None]:
        """One label for each choice, in order; ``None`` if the answer names none of them, or several.

        A choice of one label needs no call.
        """
        answers = iter(list(complete(self.prompt(choice) for choice in choices if len(choice.labels) > 1)))
        return [c.labels[0] if len(c.labels) == 1 else self._label(next(answers), c.labels) for c in choices]

    def prompt(self, choice: LabelChoice) -> Prompt:
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
