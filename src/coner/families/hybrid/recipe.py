"""The run of a hybrid: two trained models are joined in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coner.core.files import sha256
from coner.data.splits import Inputs
from coner.families.hybrid.settings import HybridExperiment
from coner.families.hybrid.tagger import HybridTagger
from coner.families.llm.recipe import answer_settings
from coner.families.llm.settings import LEDGER
from coner.families.manifest import MANIFEST, read_manifest
from coner.families.members import Combination
from coner.families.usage import Spending


class HybridRecipe(Combination):
    """Writes a model folder with both models in it; ``spending`` limits all calls.

    Raises:
        ConfigError: the second model is not a language model, the first one is, or the taxonomies differ.
        ModelError: a model is missing or damaged.
    """

    rebuild = True
    tagger: HybridTagger

    def __init__(self, settings: HybridExperiment, folder: Path, spending: Spending | None = None) -> None:
        self.hybrid = hybrid = settings.hybrid
        folders = (hybrid.first, hybrid.llm)
        super().__init__(settings, folder, folders)
        self.tagger = HybridTagger(
            *self.members, folders=folders, ledger=folder / LEDGER, below=hybrid.below, candidates=hybrid.candidates
        )
        self.tagger.limit(spending or Spending())
        self.tagger.check_endpoint()

    def identity(self, inputs: Inputs) -> dict[str, Any]:
        """The first model, and what the answers of the second depend on (not the address of its endpoint)."""
        return {
            "first": sha256(self.hybrid.first / MANIFEST),
            "llm": answer_settings(self.tagger.llm.settings),
            "taxonomy": self.tagger.llm.taxonomy.as_dict(),
            "files": {name: entry.model_dump() for name, entry in read_manifest(self.hybrid.llm).files.items()},
            "below": self.hybrid.below,
            "candidates": self.hybrid.candidates,
            "train": inputs.train and inputs.train.sha256,
        }

    def describe(self, inputs: Inputs) -> str:
        first, llm = self.hybrid.first.name, self.hybrid.llm.name
        return f"{first}, with labels of {llm} for mentions below {self.hybrid.below:g}\n{super().describe(inputs)}"
