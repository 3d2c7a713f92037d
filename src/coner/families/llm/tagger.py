"""A prompted language model as a tagger: nothing is fitted, its folder holds the settings and the examples.

The key of the endpoint is no part of the folder; it comes from the environment when the first sentence is tagged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import finalize

from coner.core.errors import ConfigError, MissingExtra, ModelError, Unanswered
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.asking import LEDGER, Asking
from coner.families.llm.account import Account, Meter
from coner.families.llm.extraction import Extracted, Extractor
from coner.families.llm.prompts.examples import Examples
from coner.families.llm.prompts.messages import Complete, Failure, Prompt
from coner.families.llm.settings import Budget, LlmExperiment
from coner.families.manifest import write_model
from coner.families.settings import parse_experiment

if TYPE_CHECKING:
    from coner.families.llm.endpoint.client import Client


class LlmTagger(Asking):
    """Asks a language model for the entities of each sentence.

    Args:
        settings: of endpoint, prompt and examples.
        examples: to be shown.
        taxonomy: whose labels are asked for.
        ledger: file that keeps the answers; ``None``: each prompt is a call.
    """

    kind = "llm"
    unit = "sentence"

    def __init__(self, settings: LlmExperiment, examples: Examples, *, taxonomy: Taxonomy, ledger: Path | None) -> None:
        self.settings = settings
        self.examples = examples
        self.taxonomy = taxonomy
        self.labels = taxonomy.labels
        self.model = settings.llm.model
        self.together = settings.prompt.sentences
        self.repaired = 0  # no tags are predicted; what is mended in answers is in the account
        self.extractor = Extractor(taxonomy, settings.prompt, examples)
        self._ledger = ledger
        self._budget = Budget()
        self._failures: Counter[Failure] = Counter()
        self._client: Client | None = None
        self._meter: Meter | None = None

    def allow(self, budget: Budget, ledger: Path | None = None) -> None:
        """Bound all calls of this tagger, and keep answers in another ledger where one is named."""
        self._budget = budget
        self._ledger = ledger or self._ledger

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        """Entities of each sentence, in order.

        Raises:
            Unanswered: one has no answer; the ledger keeps the others.
        """
        before = self.account()
        found = list(self.answers(sentences))
        whole = [entities for entities in found if entities is not None]
        if len(whole) < len(found):
            lost = len(found) - len(whole)
            raise Unanswered(f"{lost} of {len(found)} sentences have no answer", self.account().since(before).failures)
        return whole

    def answers(self, sentences: Iterable[Sentence]) -> Iterator[list[Entity] | None]:
        """Entities of each sentence, in order, as they come; ``None`` where there is no answer.

        One that cannot be read is an answer without entities: asking again would bring the same.
        """
        for extracted in self.extracted(sentences):
            yield None if extracted.entities is None else list(extracted.entities)

    def extracted(self, sentences: Iterable[Sentence]) -> Iterator[Extracted]:
        """The same, with what became of each answer."""
        for extracted in self.extractor(sentences, self.complete()):
            if extracted.failure is not None:
                self._failures[extracted.failure] += 1
            yield extracted

    def prompts(self, sentences: Sequence[Sentence]) -> list[Prompt]:
        """What would be asked first about these."""
        return self.extractor.prompts(sentences)

    def complete(self) -> Complete:
        """The endpoint, within budget, before its ledger. It is made at the first call, and asked for its key then.

        Raises:
            ConfigError: its key is missing, or a cost is bounded without prices.
            MissingExtra: what asks is not installed.
        """
        if self._meter is None:
            try:
                from coner.families.llm.endpoint.client import Client
                from coner.families.llm.endpoint.ledger import Ledger
            except ModuleNotFoundError:
                raise MissingExtra("asking a language model", "llm") from None
            ledger = None if self._ledger is None else Ledger(self._ledger)
            if ledger is not None:
                finalize(self, ledger.__exit__, None, None, None)
            self._client = Client(self.settings.llm, ledger=ledger, budget=self._budget)
            self._meter = Meter(self._client, self.settings.llm.prices)
        return self._meter

    def account(self) -> Account:
        """What was asked so far."""
        counts, failures = Counter(self.extractor.counts), Counter(self._failures)
        if self._client is None or self._meter is None:
            return Account(counts=counts, failures=failures)
        spent, taken = self._client.totals.as_json(), dict(self._meter.taken)
        return Account(spent, taken, counts, failures, self._client.declined)

    def save(self, folder: Path) -> None:
        """Write the model folder, whole or not at all; ``OutputError`` where that fails."""
        card = {
            "kind": self.kind,
            "labels": list(self.labels),
            "taxonomy": self.taxonomy.as_dict(),
            "settings": self.settings.model_dump(mode="json"),
        }
        write_model(folder, card, self.examples.save)


def load(folder: Path, card: dict[str, Any]) -> LlmTagger:
    """The tagger of a model folder whose ``model.json`` is ``card``; ``ModelError`` where its files do not fit it."""
    try:
        settings = parse_experiment(card["settings"], source=f"{folder}/model.json")
        if not isinstance(settings, LlmExperiment):
            raise ValueError("its settings are not those of a language model")
        taxonomy = Taxonomy.from_dict(card["taxonomy"])
        examples = Examples.load(folder, settings.examples, seed=settings.seed, taxonomy=taxonomy)
        return LlmTagger(settings, examples, taxonomy=taxonomy, ledger=folder / LEDGER)
    except (KeyError, TypeError, ValueError, OSError, ConfigError) as error:
        raise ModelError(f"{folder}: its files do not fit model.json ({error}); make it again") from None
