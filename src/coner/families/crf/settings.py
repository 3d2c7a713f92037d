"""Settings of the feature CRF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from coner.config.experiment import Experiment
from coner.config.section import Count, Fraction, Natural, Rate, Section
from coner.families.manifest import Manifest
from coner.knowledge.settings import KnowledgeSettings

Algorithm = Literal["auto", "sgd", "lbfgs"]
NEW = {"function_words": "english", "choose_by": "macro"}  # settings that earlier versions lack, and what they used


class CrfSettings(Section):
    """The feature CRF (python-crfsuite).

    A section that sets anything but ``choose_by`` has ``algorithm`` sgd by default, as in versions without auto.
    """

    features: tuple[str, ...] = Field((), description="names of the features, in order; empty: all default features")
    scheme: Literal["iob2", "bioes"] = Field("iob2", description="tag scheme; bioes takes about twice the time")
    function_words: Literal["english", "learned"] = Field("english", description="words that topic and beside skip")
    algorithm: Algorithm = Field(
        "auto",
        description="sgd, lbfgs (several times slower), or auto: the best on dev, with other settings not set too",
    )
    c1: Rate = Field(0.0, description="L1 regularisation (lbfgs only)")
    c2: Rate = Field(1.0, description="L2 regularisation")
    min_frequency: Natural = Field(0, description="drop features that occur less often with a tag")
    max_iterations: Count = Field(10, description="passes over the training data; lbfgs needs about 100")
    clusters: tuple[Count, ...] = Field((64, 256, 1024), description="numbers of word clusters; []: none")
    cluster_file: Path | None = Field(None, description="lines word<TAB>cluster, to use instead of learned clusters")
    thresholds: tuple[Fraction, ...] = Field(
        (0.15, 0.2, 0.25, 0.3, 0.35, 0.4), description="of a span's probability; the best on dev is kept; []: best path"
    )
    trials: Natural = Field(0, description="number of trials with random c1, c2 and min_frequency")
    choose_by: Literal["macro", "micro"] = Field("macro", description="F1 average on dev that choices maximise")

    @model_validator(mode="before")
    @classmethod
    def _set_algorithm(cls, values: Any) -> Any:
        if isinstance(values, dict) and "algorithm" not in values and values.keys() - {"choose_by"}:
            return {**values, "algorithm": "sgd"}
        return values

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without new settings that change nothing: fingerprints of earlier runs stay valid."""
        return {key: value for key, value in handler(self).items() if key not in NEW or value != NEW[key]}

    @model_validator(mode="after")
    def _check_combinations(self) -> CrfSettings:
        if self.c1 and self.algorithm == "sgd":
            raise ValueError(f'crf.c1 = {self.c1:g} needs crf.algorithm = "lbfgs"; sgd has no L1')
        if 0 in self.thresholds:
            raise ValueError("crf.thresholds: got 0, which keeps every span; expected more than 0")
        return self


class CrfExperiment(Experiment):
    """A config with ``kind = "crf"``."""

    kind: Literal["crf"]
    crf: CrfSettings = CrfSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()

    @model_validator(mode="after")
    def _check_weights(self) -> CrfExperiment:
        for extra in self.data.extra:
            if extra.weight != 1:
                raise ValueError(
                    f"data.extra: {extra.file}: got weight {extra.weight:g}; expected 1, since python-crfsuite has no "
                    'weights of sentences. Fix: remove it, or use kind = "encoder"'
                )
        return self


class CrfManifest(Manifest):
    """``model.json`` of a CRF."""

    settings: CrfExperiment
    threshold: Annotated[float, Field(gt=0, le=1)] | None
