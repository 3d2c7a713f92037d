"""Maps from a tagger's confidence to a calibrated one: values of a model's manifest, in plain Python.

They never change the order of two confidences. Temperature: Guo, Pleiss, Sun and Weinberger 2017; isotonic: Zadrozny
and Elkan 2002. ``recalibration`` fits them.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import exp, log
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0  # of a temperature
EDGE = 1e-6  # confidences closer to 0 or 1 have the logit of this distance

Probability = Annotated[float, Field(ge=0, le=1)]


class _Calibrator(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Temperature(_Calibrator):
    """Divides the logit of a confidence by a temperature: above 1, confidences come closer to one half."""

    method: Literal["temperature"] = "temperature"
    temperature: Annotated[float, Field(ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE)]

    def __call__(self, score: float) -> float:
        """The calibrated confidence, above 0 and below 1."""
        return 1 / (1 + exp(-logit(score) / self.temperature))


class Isotonic(_Calibrator):
    """Interpolates between points; below the first and above the last one it is constant."""

    method: Literal["isotonic"] = "isotonic"
    scores: Annotated[tuple[Probability, ...], Field(min_length=1, strict=False)]  # increasing
    probabilities: Annotated[tuple[Probability, ...], Field(strict=False)]  # of each score; non-decreasing

    @model_validator(mode="after")
    def _is_monotone(self) -> Self:
        if len(self.scores) != len(self.probabilities):
            counts = f"{len(self.scores)} scores and {len(self.probabilities)} probabilities"
            raise ValueError(f"got {counts}; expected equal numbers")
        if any(low >= high for low, high in pairwise(self.scores)):
            raise ValueError("got scores that do not increase; expected a monotone map")
        if any(low > high for low, high in pairwise(self.probabilities)):
            raise ValueError("got probabilities that decrease; expected a monotone map")
        return self

    def __call__(self, score: float) -> float:
        """The calibrated confidence."""
        after = bisect_right(self.scores, score)
        if after in (0, len(self.scores)):
            return self.probabilities[max(0, after - 1)]
        (x, right), (low, high) = (values[after - 1 : after + 1] for values in (self.scores, self.probabilities))
        return min(high, low + (high - low) * ((score - x) / (right - x)))


Calibrator = Annotated[Temperature | Isotonic, Field(discriminator="method")]


def logit(score: float) -> float:
    """The logit of a confidence that is kept away from 0 and 1."""
    inner = min(max(score, EDGE), 1 - EDGE)
    return log(inner / (1 - inner))
