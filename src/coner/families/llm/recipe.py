"""The run of a prompted language model: choose the examples, write the model folder, train nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coner.core.errors import ConfigError
from coner.data.splits import Inputs, SplitCache, read_named_splits, read_train
from coner.data.taxonomy import AUTO, Taxonomy, load_taxonomy
from coner.families.family import Built, Place
from coner.families.llm.examples import ExampleSelector
from coner.families.llm.settings import LEDGER, ExampleSettings, LlmExperiment
from coner.families.llm.tagger import LlmTagger
from coner.families.recipe import Recipe
from coner.families.usage import Spending

ANSWER_SETTINGS = {"model", "temperature", "seed"}  # of the endpoint; the others do not change the answers


class LlmRecipe(Recipe):
    """Chooses the examples and writes the model folder; the first calls are made when splits are evaluated.

    Without ``data.train`` there are no examples, and ``data.taxonomy`` names the labels. ``spending`` limits all calls.
    """

    rebuild = True

    def __init__(self, settings: LlmExperiment, spending: Spending | None = None) -> None:
        if settings.data.train is None:
            settings = settings.model_copy(update={"examples": ExampleSettings(choice="none")})
        self.settings: LlmExperiment = settings
        # A user who runs their own config has chosen the endpoint; the one that a model folder names needs permission.
        spending = spending or Spending()
        self._spending = replace(spending, endpoints=(*spending.endpoints, settings.llm.base_url))

    def read(self, cache: SplitCache) -> Inputs:
        return read_named_splits(self.settings.data, self._taxonomy())

    def identity(self, inputs: Inputs) -> dict[str, Any]:
        values = answer_settings(self.settings)
        if (knowledge := self.knowledge(inputs)) is not None:
            values["knowledge"] = knowledge.identity()
        return {**values, "taxonomy": inputs.taxonomy.as_dict(), "train": inputs.train and inputs.train.sha256}

    def build(self, inputs: Inputs, place: Place) -> Built:
        settings, taxonomy = self.settings, inputs.taxonomy
        train = inputs.train.sentences if inputs.train else ()
        examples = ExampleSelector.fit(train, settings.examples, seed=settings.seed, taxonomy=taxonomy)
        knowledge, ledger = self.knowledge(inputs), place.folder / LEDGER
        use = None if knowledge is None else knowledge.use
        tagger = LlmTagger(settings, examples, taxonomy=taxonomy, ledger=ledger, use=use)
        tagger.knowledge = None if knowledge is None else knowledge.typed
        tagger.limit(self._spending)
        place.claim()
        tagger.save(place.folder)
        # Without sizes: the model itself is not in the folder, and would be reported as the smallest of all.
        return Built(tagger, {"parameters": None, "bytes": None})

    def _taxonomy(self) -> Taxonomy:
        data = self.settings.data
        if data.train is not None:
            return read_train(data)[1]
        if data.taxonomy == AUTO:
            raise ConfigError(
                "data.taxonomy: got auto, and no data.train to take the labels from. Fix: name a training file, or for "
                "zero-shot a taxonomy (such as multiconer2, or a TOML file)"
            )
        return load_taxonomy(data.taxonomy)


def answer_settings(settings: LlmExperiment) -> dict[str, Any]:
    """The settings that answers depend on: without the address and the limits of the endpoint."""
    values = settings.model_dump(mode="json", exclude={"name", "data", "llm", "knowledge"})
    return {**values, "llm": settings.llm.model_dump(mode="json", include=ANSWER_SETTINGS)}
