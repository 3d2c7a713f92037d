"""Hand-made signals: small pure functions from words to strings, chosen by name."""

from coner.features import context, gazetteer, sentence, word  # noqa: F401  (their features register themselves)
from coner.features.extract import DEFAULT, Extractor
from coner.features.lexicon import Lexicon
from coner.features.registry import FEATURES, Feature

__all__ = ["DEFAULT", "FEATURES", "Extractor", "Feature", "Lexicon"]
