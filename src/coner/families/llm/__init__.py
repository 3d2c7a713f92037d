"""A prompted language model: nothing is trained; an endpoint is called for the entities of each sentence."""

from __future__ import annotations

from coner.families.family import Family
from coner.families.llm.settings import LlmExperiment, LlmManifest
from coner.families.recipe import Recipe
from coner.families.registry import families
from coner.families.usage import Spending


@families.register
class LlmFamily(Family):
    """The declaration of the family."""

    kind = "llm"
    description = "A prompted language model"
    settings = LlmExperiment
    manifest = LlmManifest
    extra = "llm"
    configurable = True
    calls_endpoint = True
    gives_confidence = False

    def recipe(self, settings: LlmExperiment, spending: Spending | None = None) -> Recipe:
        """Choose the examples and write the model folder."""
        from coner.families.llm.recipe import LlmRecipe

        return LlmRecipe(settings, spending)
