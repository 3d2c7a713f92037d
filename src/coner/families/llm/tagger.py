"""A prompted language model as a tagger: its folder contains the settings and the examples; nothing is trained.

The API key is not in the folder; it is read from the environment before the first call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import finalize

from coner.core.errors import DataError, ModelError, requires_extra
from coner.core.types import Sentence
from coner.data.reading.words import sentence_from_text
from coner.data.taxonomy import Taxonomy
from coner.families.files import ModelFiles
from coner.families.knowledge_use import KnowledgeUse
from coner.families.llm.answers.events import total
from coner.families.llm.examples import FILE, ExampleSelector
from coner.families.llm.extraction import EntityExtractor
from coner.families.llm.settings import CALLS, LEDGER, LlmExperiment, LlmManifest
from coner.families.manifest import write_model
from coner.families.tagger import Prediction, Tagger
from coner.families.usage import Spending, Usage
from coner.knowledge.knowledge import leftmost_longest
from coner.knowledge.mentions import text_number

if TYPE_CHECKING:
    from coner.families.llm.endpoint.client import Client

NAMES = 20  # maximum known names per sentence in a prompt


class LlmTagger(Tagger):
    """Prompts a language model for the entities of each sentence; the file ``ledger`` stores the answers."""

    kind = "llm"

    def __init__(
        self,
        settings: LlmExperiment,
        examples: ExampleSelector,
        *,
        taxonomy: Taxonomy,
        ledger: Path,
        use: KnowledgeUse | None = None,
    ) -> None:
        self.settings, self._use = settings, use
        self.examples = examples
        self.taxonomy = taxonomy
        self.labels = taxonomy.labels
        self.model = settings.llm.model
        self.batch_multiple = settings.prompt.sentences  # whole prompts, so that the ledger finds them again
        self.batch_sentences = CALLS * settings.prompt.sentences
        self.extractor = EntityExtractor(taxonomy, settings.prompt, examples, known=self._known)
        self._spending, self._ledger = Spending(), ledger
        self._client: Client | None = None

    def _known(self, sentence: Sentence, is_example: bool) -> list[str]:
        """The leftmost longest names of the knowledge base in a sentence, with their types and descriptions."""
        if self._use is None:
            return []
        if (known := self.knowledge) is None:
            raise ModelError(f"expected the knowledge base {self._use.hash}, with which it was built")
        matches = known(sentence.words, leave_out=[text_number(sentence)] if is_example else ())
        described = (" ".join(known.describe(sentence.words, match)) for match in leftmost_longest(matches))
        return [text for text in described if text][:NAMES]

    def limit(self, spending: Spending) -> None:
        """Limit all calls, and choose the file that stores their answers; must precede the first call."""
        self._spending, self._ledger = spending, spending.ledger or self._ledger

    def check_endpoint(self) -> None:
        with requires_extra("calling a language model", "llm"):
            from coner.families.llm.endpoint.permission import require_permission
        require_permission(self.settings.llm, self._spending.endpoints)

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """One prediction per sentence, in order, as the answers arrive.

        A sentence whose answer cannot be read gets no entities: a second call would give the same answer.
        """
        before = self.usage(self.extractor.counts)
        for prediction in self.extractor(sentences, self.client()):
            now = self.usage(self.extractor.counts)
            yield replace(prediction, usage=now - before)
            before = now

    def client(self) -> Client:
        """The client of the endpoint, created at first use; for errors see ``Client``."""
        if self._client is None:
            with requires_extra("calling a language model", "llm"):
                from coner.families.llm.endpoint.client import Client
                from coner.families.llm.endpoint.ledger import Ledger
            ledger = Ledger(self._ledger)
            finalize(self, ledger.__exit__)
            self._client = Client(self.settings.llm, ledger=ledger, spending=self._spending)
        return self._client

    def usage(self, counts: Counter[str], *, asked: int = 0) -> Usage:
        """Usage so far; ``counts`` are the events of reading the answers, ``asked`` the number of spans in requests."""
        repaired, dropped = total(counts, "repaired"), total(counts, "dropped")
        usage = Usage(self.model, counts=Counter(counts), repaired=repaired, dropped=dropped, asked=asked)
        if (client := self._client) is None:
            return usage
        declined = client.capabilities.declined
        return replace(usage, spent=asdict(client.totals), taken=dict(client.taken), declined=declined)

    def save(self, folder: Path) -> None:
        manifest = LlmManifest(
            kind=self.kind, labels=self.labels, taxonomy=self.taxonomy, settings=self.settings, knowledge=self._use
        )
        write_model(folder, manifest, self._write_files)

    def _write_files(self, folder: Path) -> None:
        self.examples.save(folder)
        self._embed_knowledge(self.settings.knowledge, folder)


def load(folder: Path, manifest: LlmManifest) -> LlmTagger:
    """Open the tagger of a model folder; ``ModelError`` or ``DataError`` if its examples do not fit the manifest."""
    settings, taxonomy = manifest.settings, manifest.taxonomy
    if settings.examples.choice != "none":
        ModelFiles(folder, manifest).path(FILE)
    examples = ExampleSelector.load(folder, settings.examples, seed=settings.seed, taxonomy=taxonomy)
    return LlmTagger(settings, examples, taxonomy=taxonomy, ledger=folder / LEDGER, use=manifest.knowledge)


def preview(tagger: Tagger, folder: Path, texts: Sequence[str]) -> dict[str, Any]:
    """The prompts of the first step for texts of one sentence each, with estimated tokens and cost.

    Raises:
        DataError: a text is not one sentence.
        ModelError: the tagger, from ``folder``, is of another family.
    """
    from coner.families.llm.endpoint.limits import TokenEstimator

    if not isinstance(tagger, LlmTagger):
        raise ModelError(f"{folder}: got a model of kind {tagger.kind}; expected a prompted language model (llm)")
    try:
        prompts = tagger.extractor.prompts([sentence_from_text(text) for text in texts])
    except ValueError as error:
        raise DataError(f"TEXT: {error}; expected sentences, each in quotes") from None
    estimator, settings = TokenEstimator(), tagger.settings
    bounds = [estimator.upper_bound(prompt) for prompt in prompts]
    return {
        "model": settings.llm.model,
        "base_url": settings.llm.base_url,
        "steps": settings.prompt.steps,
        "calls": len(prompts),
        "prompt_tokens": sum(bound.prompt for bound in bounds),
        "completion_tokens_at_most": sum(bound.completion for bound in bounds),
        "cost_at_most": sum(bound.cost(settings.llm.prices) for bound in bounds),
        "prompts": [{**asdict(p), "prompt_tokens": bound.prompt} for p, bound in zip(prompts, bounds, strict=True)],
    }
