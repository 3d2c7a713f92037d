"""A prompted language model as a tagger: nothing is fitted, its folder holds the settings and the examples.

The API key is not part of the folder; it is read from the environment when the first sentence is tagged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import finalize

from coner.core.errors import MissingExtra, ModelError
from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.llm.answers.outcomes import total
from coner.families.llm.extraction import Extractor
from coner.families.llm.meter import Meter
from coner.families.llm.prompts.examples import Examples
from coner.families.llm.prompts.messages import Complete, Prompt
from coner.families.llm.settings import CALLS, LEDGER, Budget, LlmExperiment, LlmManifest
from coner.families.manifest import write_model
from coner.families.tagger import Prediction, Tagger
from coner.families.usage import Spending, Usage

if TYPE_CHECKING:
    from coner.families.llm.endpoint.client import Client


class LlmTagger(Tagger):
    """Asks a language model for the entities of each sentence.

    Args:
        settings: of endpoint, prompt and examples.
        examples: shown in the prompts.
        taxonomy: whose labels are asked for.
        ledger: file that keeps the answers; ``None``: each prompt is a call.
    """

    kind = "llm"

    def __init__(self, settings: LlmExperiment, examples: Examples, *, taxonomy: Taxonomy, ledger: Path | None) -> None:
        self.settings = settings
        self.examples = examples
        self.taxonomy = taxonomy
        self.labels = taxonomy.labels
        self.model = settings.llm.model
        self.batch_multiple = settings.prompt.sentences  # whole prompts, so that the ledger knows them again
        self.batch_sentences = CALLS * settings.prompt.sentences
        self.extractor = Extractor(taxonomy, settings.prompt, examples)
        self._ledger = ledger
        self._budget = Budget()
        self._client: Client | None = None
        self._meter: Meter | None = None

    def limit(self, spending: Spending) -> None:
        """Limit all further calls, and choose the file that keeps their answers; to be called before the first call."""
        self._budget = Budget(tokens=spending.tokens, cost=spending.cost)
        self._ledger = spending.ledger or self._ledger

    def predict(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """What the model answers, as the answers arrive.

        A sentence whose answer cannot be read gets no entity: asking again would give the same answer.
        """
        before = self.usage(self.extractor.counts)
        for sentence, result in zip(sentences, self.extractor(sentences, self.complete()), strict=True):
            now = self.usage(self.extractor.counts)
            yield Prediction(
                sentence,
                result.entities,
                failures=() if result.failure is None else (result.failure,),
                usage=now - before,
                reliable=result.readable and not result.cut,
            )
            before = now

    def prompts(self, sentences: Sequence[Sentence]) -> list[Prompt]:
        """The first prompts about these sentences; nothing is sent."""
        return self.extractor.prompts(sentences)

    def complete(self) -> Complete:
        """The endpoint behind its ledger and budget; made, and the key read, at the first call.

        Raises:
            ConfigError: the key is missing, or a cost is limited without prices.
            MissingExtra: the client library is not installed.
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

    def usage(self, counts: Counter[str], *, asked: int = 0) -> Usage:
        """What was asked so far; ``counts`` of whoever read the answers, and how many units were asked about."""
        client, meter = self._client, self._meter
        return Usage(
            self.model,
            {} if client is None else client.totals.as_json(),
            {} if meter is None else dict(meter.taken),
            Counter(counts),
            total(counts, "repaired"),
            total(counts, "dropped"),
            asked,
            () if client is None else client.declined,
        )

    def save(self, folder: Path) -> None:
        """Write the model folder, all of it or nothing; ``OutputError`` if that fails."""
        manifest = LlmManifest(kind=self.kind, labels=self.labels, taxonomy=self.taxonomy, settings=self.settings)
        write_model(folder, manifest, self.examples.save)


def load(folder: Path, manifest: LlmManifest) -> LlmTagger:
    """Open the tagger of a model folder; ``ModelError`` if its files do not fit the manifest."""
    settings, taxonomy = manifest.settings, manifest.taxonomy
    try:
        examples = Examples.load(folder, settings.examples, seed=settings.seed, taxonomy=taxonomy)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ModelError(f"{folder}: its files do not fit model.json ({error}); make it again") from None
    return LlmTagger(settings, examples, taxonomy=taxonomy, ledger=folder / LEDGER)
