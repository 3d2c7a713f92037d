"""Sentences in, entities out, by way of a language model: prompts, answers, and the words found again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.llm.answers.alignment import align
from coner.families.llm.answers.labels import Labels
from coner.families.llm.answers.outcomes import Rule, add
from coner.families.llm.answers.reader import Reader
from coner.families.llm.prompts.builder import Mentions
from coner.families.llm.prompts.examples import Examples, word_key
from coner.families.llm.prompts.messages import Complete, Completion, Failure, Prompt
from coner.families.llm.settings import PromptSettings
from coner.families.llm.span_typer import Item, SpanTyper

CHUNK = 256  # sentences that go through both of two steps together, about: a client does one run at a time


@dataclass(frozen=True)
class Extracted:
    """What the model found in a sentence.

    Attributes:
        entities: sorted, not overlapping; ``None``: there is no answer, and ``failure`` says why.
        failure: of the call.
        readable: whether the answer says anything of the sentence; where it does not, there are no entities.
        cut: the answer was cut off at the limit, so that mentions may be missing.
    """

    entities: tuple[Entity, ...] | None
    failure: Failure | None = None
    readable: bool = True
    cut: bool = False


class Extractor:
    """Finds the entities of sentences by asking a language model.

    In one step it is asked for fine classes. In two it is asked for mentions with their coarse groups first, then, a
    mention a call, for the class within the group; groups of one class need no second call.

    Args:
        taxonomy: the classes, with their definitions.
        prompt: how it is asked.
        examples: what is shown.

    Attributes:
        counts: what was repaired, dropped, cut, unparsable, by rule (``tally``), since it was made.
    """

    def __init__(self, taxonomy: Taxonomy, prompt: PromptSettings, examples: Examples) -> None:
        self.counts: Counter[str] = Counter()
        self._settings = prompt
        self._taxonomy = taxonomy
        self._examples = examples
        self._asking = Mentions(taxonomy, prompt, level="fine" if prompt.steps == 1 else "coarse")
        labels = Labels.fine(taxonomy) if prompt.steps == 1 else Labels(taxonomy.coarse_labels)
        self._reader = Reader(labels, self.counts)
        self._typer = SpanTyper(taxonomy, prompt, examples, counts=self.counts)

    def prompts(self, sentences: Sequence[Sentence]) -> list[Prompt]:
        """Those of the first step, as they would be sent."""
        return [self._prompt(group) for group in _groups(sentences, self._settings.sentences)]

    def __call__(self, sentences: Iterable[Sentence], complete: Complete) -> Iterator[Extracted]:
        """What is found, a sentence each, in order.

        Sentences are taken as the endpoint takes prompts; in two steps, some hundred at a time.

        Raises:
            whatever ``complete`` raises.
        """
        if self._settings.steps == 1:
            yield from self._first(sentences, complete)
            return
        calls = -(-CHUNK // self._settings.sentences)  # whole ones, so that the ledger knows the prompts again
        for chunk in _groups(sentences, calls * self._settings.sentences):
            yield from self._second(chunk, list(self._first(chunk, complete)), complete)

    def _first(self, sentences: Iterable[Sentence], complete: Complete) -> Iterator[Extracted]:
        waiting = deque[tuple[Sentence, ...]]()

        def prompts() -> Iterator[Prompt]:
            for group in _groups(sentences, self._settings.sentences):
                waiting.append(group)
                yield self._prompt(group)

        for answer in complete(prompts()):
            yield from self._extracted(waiting.popleft(), answer)

    def _prompt(self, group: Sequence[Sentence]) -> Prompt:
        """Its examples are those of each of its sentences, without doubles and without any sentence of the group."""
        own = set(map(word_key, group))
        examples = {word_key(one): one for sentence in group for one in self._examples.choose(sentence)}
        return self._asking.prompt(group, [example for key, example in examples.items() if key not in own])

    def _extracted(self, group: Sequence[Sentence], answer: Completion | Failure) -> Iterator[Extracted]:
        if isinstance(answer, Failure):
            add(self.counts, Rule.FAILED)
            yield from [Extracted(None, answer)] * len(group)
            return
        add(self.counts, Rule.ANSWERS)
        cut = answer.finish == "length"
        add(self.counts, Rule.CUT, cut)
        numbered = len(group) if self._asking.several else None
        read = self._reader.read(answer.text, asked=self._asking.question(group), numbered=numbered)
        for sentence, mentions in zip(group, read, strict=True):
            entities = align(sentence, mentions or (), self.counts)
            yield Extracted(entities, readable=mentions is not None, cut=cut)

    def _second(
        self, sentences: Sequence[Sentence], found: Sequence[Extracted], complete: Complete
    ) -> Iterator[Extracted]:
        """Groups become classes; a mention of which the model names no class is dropped."""
        items: list[Item] = [
            (sentence, entity, tuple(self._taxonomy.groups[entity.label]))
            for sentence, one in zip(sentences, found, strict=True)
            for entity in one.entities or ()
        ]
        decided = iter(list(self._typer.decide(items, complete)))
        for one in found:
            own = [(entity, next(decided)) for entity in one.entities or ()]
            failure = next((label for _, label in own if isinstance(label, Failure)), one.failure)
            if failure is not None:
                yield Extracted(None, failure)
                continue
            kept = [replace(entity, label=label) for entity, label in own if isinstance(label, str)]
            add(self.counts, Rule.UNTYPED, len(own) - len(kept))
            yield replace(one, entities=tuple(kept))


def _groups(sentences: Iterable[Sentence], size: int) -> Iterator[tuple[Sentence, ...]]:
    """So many at a time, the last ones fewer."""
    left = iter(sentences)
    while group := tuple(islice(left, size)):
        yield group
