"""Former name of ``coner.integrations.sklearn``."""

from coner.integrations.sklearn import CrfEstimator, EncoderEstimator

__all__ = ["CrfEstimator", "EncoderEstimator"]
