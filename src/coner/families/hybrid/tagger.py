"""A tagger of two models: a trained model finds mentions, and a language model relabels those with a low confidence.

Encoders are good at boundaries, and a call for each uncertain mention costs a fraction of one for each sentence.
A mention without an answer keeps its label; the confidence stays that of the first model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.families import load as load_tagger
from coner.families.hybrid.settings import Candidates, HybridManifest
from coner.families.llm.extraction import LabelChoice, SpanTyper
from coner.families.llm.settings import CALLS, LEDGER
from coner.families.llm.tagger import LlmTagger
from coner.families.members import saved_members, shared_taxonomy, write_with_members
from coner.families.registry import family
from coner.families.tagger import Prediction, Tagger
from coner.families.usage import Failure, Spending, Usage


class HybridTagger(Tagger):
    """Finds mentions with one model; another chooses the labels of those below a confidence.

    Args:
        first, llm: both models, opened from ``folders``.
        ledger: file that stores the answers.
        below, candidates: see ``HybridSettings``.

    Raises:
        ConfigError: ``llm`` is not a language model, ``first`` is, or the taxonomies differ.
    """

    kind = "hybrid"
    unit = "span"
    batch_sentences = CALLS

    def __init__(
        self, first: Tagger, llm: Tagger, *, folders: Sequence[Path], ledger: Path, below: float, candidates: Candidates
    ) -> None:
        if not isinstance(llm, LlmTagger):
            wrong = f"{folders[1]}: got a model of kind {llm.kind}"
            raise ConfigError(f"{wrong}; expected a prompted language model (llm) as the second")
        if family(first.kind).calls_endpoint:
            wrong = f"{folders[0]}: got a model of kind {first.kind}, which gives no confidence"
            raise ConfigError(f"{wrong}; expected a trained model as the first")
        self.first = first
        self.llm = llm
        self.folders = folders
        self.below = below
        self.candidates = candidates
        self.taxonomy = shared_taxonomy((first, llm), folders)
        self.labels = self.taxonomy.labels
        self.model = llm.model
        self._typer = SpanTyper(llm.taxonomy, llm.settings.prompt, llm.examples)
        self.limit(Spending(ledger=ledger))

    @property
    def hardware(self) -> str:
        return self.first.hardware

    def limit(self, spending: Spending) -> None:
        self.llm.limit(spending)

    def check_endpoint(self) -> None:
        self.llm.check_endpoint()

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """The first model's mentions; those below the confidence get the label that the language model chooses."""
        predictions = list(self.first.predict(sentences))
        choices = [
            LabelChoice(prediction.sentence, entity, self._candidates(entity))
            for prediction in predictions
            for entity in prediction.entities or ()
            if entity.score < self.below
        ]
        before = self._usage()
        labels = iter(self._typer(choices, self.llm.client()) if choices else ())
        usage: Usage | None = self._usage() - before
        for prediction in predictions:
            entities = list(prediction.entities or ())
            failures = []
            for index, entity in enumerate(entities):
                label = next(labels) if entity.score < self.below else None
                if isinstance(label, Failure):
                    failures.append(label)
                elif label is not None:
                    entities[index] = replace(entity, label=label)
            yield replace(prediction, entities=tuple(entities), failures=tuple(failures), usage=usage)
            usage = None  # that of the whole batch counts once

    def save(self, folder: Path) -> None:
        """Write the model folder with both models in it; ``ModelError`` if the folder of one is gone or damaged."""
        manifest = HybridManifest(
            kind=self.kind,
            labels=self.labels,
            taxonomy=self.taxonomy,
            below=self.below,
            candidates=self.candidates,
            operating_point=self.operating_point,
        )
        write_with_members(folder, manifest, self.folders)

    def _usage(self) -> Usage:
        counts = self._typer.counts
        return self.llm.usage(counts, asked=counts["choices"])

    def _candidates(self, entity: Entity) -> list[str]:
        group = self.taxonomy.groups[self.taxonomy.coarse_of(entity.label)]
        return list(dict.fromkeys([entity.label, *(group if self.candidates == "group" else self.labels)]))


def load(folder: Path, manifest: HybridManifest) -> HybridTagger:
    """Open the tagger of a model folder; ``ConfigError`` if its members do not fit together."""
    folders = saved_members(folder, manifest, 2)
    first, llm = map(load_tagger, folders)
    return HybridTagger(
        first, llm, folders=folders, ledger=folder / LEDGER, below=manifest.below, candidates=manifest.candidates
    )
