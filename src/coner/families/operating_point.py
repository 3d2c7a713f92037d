"""The operating point of a model: the calibration of its confidences, thresholds, and what they were chosen on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from coner.core.types import Entity
from coner.evaluation.calibrators import Calibrator, Probability

# A value with its 95 % bootstrap interval: value, low, high.
Measured = Annotated[tuple[Probability, Probability, Probability], Field(strict=False)]


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Measurement(_Values):
    """Scores and calibration errors on some sentences, in fractions of 1."""

    sentences: NonNegativeInt
    mentions: NonNegativeInt  # gold
    predictions: NonNegativeInt  # before thresholds
    kept: NonNegativeInt  # predictions
    precision: Measured
    recall: Measured
    micro_f1: Measured
    macro_f1: Measured
    ece: Probability  # expected calibration error of all predictions
    brier: Probability


class PointChoice(_Values):
    """What calibration and thresholds were chosen for, on which file, and what was measured."""

    goal: str | None  # ``None``: calibrated only
    file: str  # base name of the dev file
    sha256: str
    folds: NonNegativeInt
    seed: int
    minimum: NonNegativeInt  # predictions, or gold mentions of a class, that a threshold rests on
    rare: Annotated[tuple[str, ...], Field(strict=False)]  # classes with too few of them for their own threshold
    unreachable: NonNegativeInt  # folds whose other folds could not reach the goal
    before: Measurement  # on dev, without calibration and thresholds
    dev: Measurement  # where they were chosen
    held_out: Measurement  # on dev, each fold with what was chosen on the others
    test_file: str | None = None
    test_before: Measurement | None = None
    test: Measurement | None = None


class OperatingPoint(_Values):
    """Stored in ``model.json``, and applied to every prediction of the tagger."""

    calibration: Calibrator | None = None
    threshold: Probability = 0.0  # entities with a lower calibrated confidence are left out
    thresholds: Mapping[str, Probability] = {}  # of some labels, instead
    chosen: PointChoice

    @property
    def method(self) -> Literal["none", "temperature", "isotonic"]:
        """How confidences are calibrated."""
        return "none" if self.calibration is None else self.calibration.method

    def apply(self, entities: Iterable[Entity]) -> tuple[Entity, ...]:
        """The entities that are not below their threshold, with calibrated confidences."""
        if (calibrate := self.calibration) is not None:
            entities = [replace(entity, score=calibrate(entity.score)) for entity in entities]
        return tuple(e for e in entities if e.score >= self.thresholds.get(e.label, self.threshold))

    def __str__(self) -> str:
        """One line for messages."""
        chosen = self.chosen
        parts = [f"calibration {self.method}"]
        if chosen.goal is not None:
            own = f" and {len(self.thresholds)} of single classes" if self.thresholds else ""
            parts.append(f"threshold {self.threshold:.4g}{own} for {chosen.goal}")
        return f"{', '.join(parts)}, chosen on {chosen.file}"
