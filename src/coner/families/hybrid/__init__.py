"""A hybrid: a trained model finds the mentions, and a language model relabels those with a low confidence."""

from __future__ import annotations

from coner.families.family import Family
from coner.families.hybrid.settings import HybridExperiment, HybridManifest
from coner.families.registry import families


@families.register
class HybridFamily(Family):
    """The declaration of the family."""

    kind = "hybrid"
    description = "A trained model with a language model that relabels mentions with a low confidence"
    settings = HybridExperiment
    manifest = HybridManifest
    extra = "llm"
    calls_endpoint = True
