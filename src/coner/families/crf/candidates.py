"""The settings that training tries: those of the config, or a few with ``algorithm = "auto"``; then random ones."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from coner.core.types import Sentence
from coner.families.crf.settings import CrfSettings
from coner.features.function_words import is_cased, is_english

LEAN = ("word", "prefix", "suffix", "shape", "phrase", "mentioned")
CASED, OTHER = (*LEAN, "lower", "case"), (*LEAN, "neighbour")  # for cased text, and for other text
THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
LBFGS = {"algorithm": "lbfgs", "max_iterations": 100}
C1, C2, FREQUENCIES = (0.003, 0.5), (0.1, 10.0), (0, 2, 3)  # of random trials: two log-uniform ranges, and a choice


def candidates(settings: CrfSettings, train: Sequence[Sentence]) -> list[CrfSettings]:
    """The settings, or with ``auto`` several that differ where the settings are the defaults; preferred ones first."""
    if settings.algorithm != "auto":
        return [settings]
    shared = {"thresholds": THRESHOLDS, "function_words": "english" if is_english(train) else "learned"}
    lean = {**LBFGS, "features": lean_features(train)}
    choices: tuple[dict[str, Any], ...] = (
        {"algorithm": "sgd"},
        {**LBFGS, "c1": 0.05, "c2": 0.05},
        {**lean, "c1": 0.05, "c2": 0.05},
        {**lean, "c1": 0.05, "c2": 0.3},
    )
    free = {name for name, field in CrfSettings.model_fields.items() if getattr(settings, name) == field.default}
    changes = ({key: value for key, value in (shared | choice).items() if key in free} for choice in choices)
    tried = [settings.model_copy(update=change) for change in changes]
    valid = [choice for choice in tried if not (choice.c1 and choice.algorithm == "sgd")]
    return list({choice.model_dump_json(): choice for choice in valid}.values())


def lean_features(train: Sequence[Sentence]) -> tuple[str, ...]:
    """A small subset of features with most of the F1 on text like this."""
    return CASED if is_cased(train) else OTHER


def random_trials(settings: CrfSettings, seed: int) -> Iterator[CrfSettings]:
    """``settings.trials`` variations of regularisation."""
    rng = random.Random(seed)
    for _ in range(settings.trials):
        values = {"c2": _log_uniform(rng, *C2), "min_frequency": rng.choice(FREQUENCIES)}
        if settings.algorithm == "lbfgs":
            values["c1"] = _log_uniform(rng, *C1)
        yield settings.model_copy(update=values)


def _log_uniform(rng: random.Random, low: float, high: float) -> float:
    ratio: float = (high / low) ** rng.random()
    return round(low * ratio, 5)
