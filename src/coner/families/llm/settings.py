"""Settings and manifest of a prompted language model."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from coner.config.experiment import Experiment
from coner.families.llm.endpoint.settings import Endpoint
from coner.families.llm.prompts.settings import ExampleSettings, PromptSettings
from coner.families.manifest import Manifest

LEDGER = "ledger.sqlite"  # in the model's folder
CALLS = 64  # for the sentences of one batch


class LlmExperiment(Experiment):
    """A config with ``kind = "llm"``: nothing is trained; without ``data.train`` it is zero-shot."""

    kind: Literal["llm"]
    llm: Endpoint
    prompt: PromptSettings = PromptSettings()
    examples: ExampleSettings = ExampleSettings()

    @model_validator(mode="after")
    def _check_nothing_is_trained(self) -> LlmExperiment:
        if self.data.extra:
            raise ValueError("data.extra: an llm is not trained. Fix: name the file of its examples in data.train")
        if self.data.noise.rate or self.data.noise.score:
            raise ValueError("data.noise: an llm is not trained. Fix: evaluate it with coner evaluate --noise 1")
        return self


class LlmManifest(Manifest):
    """``model.json`` of a prompted language model."""

    settings: LlmExperiment
