"""Settings and manifest of a prompted language model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from coner.config.experiment import Experiment
from coner.config.section import Count, Section
from coner.families.llm.endpoint.settings import Endpoint
from coner.families.manifest import Manifest
from coner.knowledge.settings import KnowledgeSettings

LEDGER = "ledger.sqlite"  # in the model's folder
CALLS = 64  # per batch of sentences


class PromptSettings(Section):
    """How the model is prompted."""

    steps: Literal[1, 2] = Field(
        1, description="1: fine labels directly; 2: coarse labels first, then the fine label of each mention"
    )
    definitions: bool = Field(True, description="show the taxonomy's definition of each class")
    sentences: Count = Field(1, description="sentences per call")
    answer_tokens: Count = Field(256, description="maximum tokens of the answer, per sentence; a longer one is cut off")


class ExampleSettings(Section):
    """Which labelled sentences of the training file a prompt shows."""

    choice: Literal["none", "fixed", "random", "bm25", "encoder"] = Field(
        "bm25",
        description="none: zero-shot; fixed: for every sentence the same few that cover the classes; random: others "
        "for every sentence; bm25: the most similar ones by their words; encoder: by a sentence encoder",
    )
    count: Count = Field(6, description="examples per sentence")
    cover: bool = Field(True, description="of about equally good ones, prefer those with classes not shown yet")
    encoder: str = Field("minilm", description='for choice = "encoder": a packaged encoder, or a folder')


class LlmExperiment(Experiment):
    """A config with ``kind = "llm"``: nothing is trained; without ``data.train`` it is zero-shot."""

    kind: Literal["llm"]
    llm: Endpoint
    prompt: PromptSettings = PromptSettings()
    examples: ExampleSettings = ExampleSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()

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
