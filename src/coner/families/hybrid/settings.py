"""Settings of a hybrid of a trained model and a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from coner.config.experiment import Experiment
from coner.config.section import Fraction, Section, Seed
from coner.families.manifest import Manifest

Candidates = Literal["all", "group"]


class HybridSettings(Section):
    """The two models, and when the second is called."""

    first: Path = Field(description="folder of the model that finds the mentions")
    first_kind: str
    llm: Path = Field(description="folder of the prompted language model")
    below: Fraction = Field(0.6, description="confidence of the first model below which the language model is called")
    candidates: Candidates = Field("group", description="labels to choose from: of the first label's group, or all")


class HybridExperiment(Experiment):
    """The settings of ``coner hybrid``: not read from a config, but recorded like those of every run."""

    kind: Literal["hybrid"] = "hybrid"
    seed: Seed = Field(0, description="not used: nothing is random")
    hybrid: HybridSettings


class HybridManifest(Manifest):
    """``model.json`` of a hybrid."""

    below: Fraction
    candidates: Candidates
