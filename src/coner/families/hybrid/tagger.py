"""A tagger over two: the first one's mentions, and a language model's labels for those that it is not sure of.

Boundaries are what encoders are good at, and asking only about doubtful mentions costs a fraction of asking about every
sentence. A mention without an answer keeps its label. The score stays that of the first model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from coner.core.errors import ConfigError, ModelError
from coner.core.types import Entity, Sentence
from coner.families import load as load_tagger
from coner.families.hybrid.settings import Candidates, HybridManifest
from coner.families.llm.settings import CALLS, LEDGER
from coner.families.llm.span_typer import SpanTyper
from coner.families.llm.tagger import LlmTagger
from coner.families.manifest import MANIFEST
from coner.families.members import place, write_with_members
from coner.families.tagger import Prediction, Tagger
from coner.families.usage import Failure, Spending, Usage


class HybridTagger(Tagger):
    """Finds mentions with one model, and lets another choose the labels of the doubtful ones.

    Args:
        first: finds the mentions.
        llm: is asked for labels, with its examples and its endpoint.
        folders: of both.
        below: confidence of the first one below which the other is asked.
        candidates: which labels it may choose from.

    Raises:
        ConfigError: the taxonomies differ.
    """

    kind = "hybrid"
    unit = "span"
    batch_sentences = CALLS

    def __init__(
        self, first: Tagger, llm: LlmTagger, *, folders: tuple[Path, Path], below: float, candidates: Candidates
    ) -> None:
        if first.taxonomy.coarse_by_fine != llm.taxonomy.coarse_by_fine:
            one, two = (
                f"{folder} ({tagger.taxonomy.name})" for folder, tagger in zip(folders, (first, llm), strict=True)
            )
            raise ConfigError(f"{one} and {two}: two taxonomies; expected models of one: train with data.taxonomy")
        self.first = first
        self.llm = llm
        self.folders = folders
        self.below = below
        self.candidates = candidates
        self.taxonomy = first.taxonomy
        self.labels = first.taxonomy.labels
        self.model = llm.model
        self._typer = SpanTyper(llm.taxonomy, llm.settings.prompt, llm.examples)

    @property
    def hardware(self) -> str:
        """That of the first tagger."""
        return self.first.hardware

    def limit(self, spending: Spending) -> None:
        """Limit all calls, and choose the file that keeps their answers."""
        self.llm.limit(spending)

    def predict(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """The first model's mentions; where it is in doubt, with the labels that the other chooses."""
        predictions = list(self.first.predict(sentences))
        doubtful = [
            (prediction.sentence, entity, self._labels(entity))
            for prediction in predictions
            for entity in prediction.entities or ()
            if entity.score < self.below
        ]
        before = self._usage()
        labels = iter(list(self._typer(doubtful, self.llm.complete())) if doubtful else [])
        usage: Usage | None = self._usage() - before
        for prediction in predictions:
            failures = []
            entities = []
            for entity in prediction.entities or ():
                label = next(labels) if entity.score < self.below else entity.label
                if isinstance(label, Failure):
                    failures.append(label)
                entities.append(entity if isinstance(label, Failure) else replace(entity, label=label))
            yield replace(prediction, entities=tuple(entities), failures=tuple(failures), usage=usage)
            usage = None  # that of the whole batch is counted once

    def save(self, folder: Path) -> None:
        """Write the model folder with those of both models in it, all of it or nothing.

        Raises:
            ModelError: one of the folders is gone or damaged.
            OutputError: it cannot be written.
        """
        manifest = HybridManifest(
            kind=self.kind,
            labels=self.labels,
            taxonomy=self.taxonomy,
            below=self.below,
            candidates=self.candidates,
        )
        write_with_members(folder, manifest, self.folders)

    def _usage(self) -> Usage:
        counts = self._typer.counts
        return self.llm.usage(counts, asked=counts["choices"])

    def _labels(self, entity: Entity) -> list[str]:
        """To choose from; its own first, which is taken where the answer names none."""
        group = self.taxonomy.groups[self.taxonomy.coarse_of(entity.label)]
        others = self.taxonomy.labels if self.candidates == "all" else tuple(group)
        return [entity.label, *(label for label in others if label != entity.label)]


def load(folder: Path, manifest: HybridManifest) -> HybridTagger:
    """Open the tagger of a model folder.

    Raises:
        ModelError: its members do not fit the manifest.
        MissingExtra: a member's family needs packages that are not installed.
    """
    folders = (folder / place(1), folder / place(2))
    first, llm = (load_tagger(each) for each in folders)
    try:
        if not isinstance(llm, LlmTagger):
            raise ConfigError(f"its second member is of kind {llm.kind}; expected a prompted language model")
        llm.limit(Spending(ledger=folder / LEDGER))
        return HybridTagger(first, llm, folders=folders, below=manifest.below, candidates=manifest.candidates)
    except ConfigError as error:
        raise ModelError(f"{folder}/{MANIFEST}: damaged ({error}); make it again or copy the folder again") from None
