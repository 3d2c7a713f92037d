"""Hand-made features: small pure functions from words to strings, chosen by name."""

from coner.features.extract import Extractor, Lexicon
from coner.features.functions import FEATURES, Feature

__all__ = ["FEATURES", "Extractor", "Feature", "Lexicon"]
