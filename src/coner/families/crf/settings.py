"""Settings of the feature CRF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from coner.config.experiment import Experiment
from coner.config.section import Count, Fraction, Rate, Section
from coner.families.manifest import Manifest

Algorithm = Literal["sgd", "lbfgs"]


class CrfSettings(Section):
    """The feature CRF (python-crfsuite)."""

    features: tuple[str, ...] = Field((), description="which features, in which order; empty: the default ones")
    scheme: Literal["iob2", "bioes"] = Field("iob2", description="tags that it predicts; bioes is about twice as slow")
    algorithm: Algorithm = Field(
        "sgd", description="stochastic gradient descent, or L-BFGS: several times slower, with L1 sparse"
    )
    c1: Rate = Field(0.0, description="L1 regularisation (lbfgs)")
    c2: Rate = Field(1.0, description="L2 regularisation")
    min_frequency: Annotated[int, Field(ge=0)] = Field(0, description="drop what is seen less often with a tag")
    max_iterations: Count = Field(10, description="passes over the training part; lbfgs needs about 100")
    clusters: tuple[Count, ...] = Field((64, 256, 1024), description="numbers of word clusters, a level each; []: none")
    cluster_file: Path | None = Field(None, description="word<TAB>cluster lines, in place of learned clusters")
    thresholds: tuple[Fraction, ...] = Field(
        (0.15, 0.2, 0.25, 0.3, 0.35, 0.4),
        description="to try on the probability of a mention; the one with the best macro F1 on the validation file "
        "stays; []: the best path of tags instead",
    )
    trials: Annotated[int, Field(ge=0)] = Field(0, description="random trials of c1, c2 and min_frequency")

    @model_validator(mode="after")
    def _settings_agree(self) -> CrfSettings:
        if self.c1 and self.algorithm != "lbfgs":
            raise ValueError(f'crf.c1 = {self.c1:g} needs crf.algorithm = "lbfgs"; sgd has no L1')
        if 0 in self.thresholds:
            raise ValueError("crf.thresholds: 0 keeps every span; expected more than 0")
        return self


class CrfExperiment(Experiment):
    """A config with ``kind = "crf"``."""

    kind: Literal["crf"]
    crf: CrfSettings = CrfSettings()

    @model_validator(mode="after")
    def _sentences_weigh_alike(self) -> CrfExperiment:
        for extra in self.data.extra:
            if extra.weight != 1:
                raise ValueError(
                    f"data.extra: {extra.file} has weight {extra.weight:g}, but python-crfsuite knows no weights of "
                    'sentences; expected 1 (kind = "encoder" takes others)'
                )
        return self


class CrfManifest(Manifest):
    """``model.json`` of a CRF."""

    settings: CrfExperiment
    threshold: float | None
