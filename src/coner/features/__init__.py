"""Hand-made features: small pure functions from words to strings, chosen by name."""

from coner.features import context, gazetteer, sentence, word  # noqa: F401  (registers their features)
from coner.features.extract import DEFAULT, Extractor
from coner.features.lexicon import Lexicon
from coner.features.registry import FEATURES, Feature

__all__ = ["DEFAULT", "FEATURES", "Extractor", "Feature", "Lexicon"]
