"""The run of a hybrid: two trained models are joined in one folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError
from coner.core.files import sha256
from coner.data.splits import SplitCache, describe, read_named_splits
from coner.families import load
from coner.families.family import Built
from coner.families.hybrid.settings import HybridExperiment
from coner.families.hybrid.tagger import HybridTagger
from coner.families.llm.recipe import answer_settings
from coner.families.llm.settings import LEDGER
from coner.families.llm.tagger import LlmTagger
from coner.families.manifest import MANIFEST, read_manifest
from coner.families.recipe import Inputs, Place, Recipe
from coner.families.registry import family
from coner.families.usage import Spending


class HybridRecipe(Recipe):
    """Writes a model folder with both models in it.

    Args:
        settings: the models, and the files to evaluate on.
        folder: of the run; neither model may be in it.
        spending: limits for all calls; the ledger is by default in the run's folder.

    Raises:
        ConfigError: the second model is no language model, the first one is, or the taxonomies differ.
        ModelError: a model is missing or damaged.
    """

    rebuild = True

    def __init__(self, settings: HybridExperiment, folder: Path, spending: Spending | None = None) -> None:
        self.settings: HybridExperiment = settings
        hybrid = settings.hybrid
        for member in (hybrid.first, hybrid.llm):
            if member.resolve().is_relative_to(folder.resolve()):
                raise ConfigError(f"{member}: is in {folder}, which will be written. Fix: give another --out")
        first, llm = load(hybrid.first), load(hybrid.llm)
        if not isinstance(llm, LlmTagger):
            raise ConfigError(
                f"{hybrid.llm}: got a model of kind {llm.kind}; expected a prompted language model (llm) as the second"
            )
        if family(first.kind).asks_endpoint:
            raise ConfigError(
                f"{hybrid.first}: got a model of kind {first.kind}, which gives no confidence; "
                "expected a trained model as the first"
            )
        self.tagger = HybridTagger(
            first, llm, folders=(hybrid.first, hybrid.llm), below=hybrid.below, candidates=hybrid.candidates
        )
        spending = spending or Spending()
        self.tagger.limit(replace(spending, ledger=spending.ledger or folder / LEDGER))

    def read(self, cache: SplitCache) -> Inputs:
        """Read the files that are named."""
        return Inputs(read_named_splits(self.settings.data, self.tagger.taxonomy), self.tagger.taxonomy)

    def identity(self, inputs: Inputs) -> dict[str, Any]:
        """The first model, and what the answers of the other depend on: it may move to another endpoint."""
        hybrid, llm = self.settings.hybrid, self.tagger.llm
        train = inputs.splits.get("train")
        files = read_manifest(hybrid.llm).files
        return {
            "first": sha256(hybrid.first / MANIFEST),
            "llm": answer_settings(llm.settings),
            "taxonomy": llm.taxonomy.as_dict(),
            "files": {name: entry.model_dump() for name, entry in files.items()},
            "below": hybrid.below,
            "candidates": hybrid.candidates,
            "train": None if train is None else train.sha256,
        }

    def describe(self, inputs: Inputs) -> str:
        """Models and files."""
        hybrid = self.settings.hybrid
        models = f"{hybrid.first.name}, with labels of {hybrid.llm.name} for mentions below {hybrid.below:g}"
        return f"{models}: {describe(inputs.splits)}"

    def build(self, inputs: Inputs, place: Place) -> Built:
        """Write the model folder."""
        place.claim()
        self.tagger.save(place.folder)
        return Built(self.tagger)
