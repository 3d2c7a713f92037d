"""A hybrid: a trained model finds the mentions, a language model chooses the labels that it is not sure of."""

from __future__ import annotations

from pathlib import Path

from coner.families.family import Family
from coner.families.hybrid.settings import HybridExperiment, HybridManifest
from coner.families.registry import families
from coner.families.tagger import Tagger


@families.register
class HybridFamily(Family):
    """The declaration of the family."""

    kind = "hybrid"
    description = "A trained model whose doubtful labels a language model chooses"
    settings = HybridExperiment
    manifest = HybridManifest
    extra = "llm"
    asks_endpoint = True

    def load(self, folder: Path, manifest: HybridManifest) -> Tagger:
        """Open a hybrid with both of its models; nothing is asked."""
        from coner.families.hybrid.tagger import load

        return load(folder, manifest)
