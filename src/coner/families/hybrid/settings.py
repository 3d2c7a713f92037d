"""Settings of a hybrid: one model's boundaries, a language model's labels where the first is in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from coner.config.experiment import Experiment
from coner.config.section import Fraction, Section, Seed
from coner.families.manifest import Manifest

Candidates = Literal["all", "group"]


class HybridSettings(Section):
    """Who says what."""

    first: Path = Field(description="folder of the model that finds the mentions")
    first_kind: str
    llm: Path = Field(description="folder of the prompted language model")
    below: Fraction = Field(0.6, description="confidence of the first model below which the language model is asked")
    candidates: Candidates = Field(
        "group", description="labels that it may choose from: of the group of the first one's label, or all"
    )


class HybridExperiment(Experiment):
    """A hybrid (``coner hybrid``): not read from a config, but recorded as every run is."""

    kind: Literal["hybrid"] = "hybrid"
    seed: Seed = Field(0, description="nothing here is left to chance")
    hybrid: HybridSettings


class HybridManifest(Manifest):
    """``model.json`` of a hybrid."""

    below: Fraction
    candidates: Candidates
