"""Keyboard noise as the settings of an experiment describe it: in training, and in copies to score on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coner.config.data import NoiseSettings
from coner.core.progress import Log
from coner.core.types import Sentence
from coner.data import Corpus
from coner.data.keyboard import load_keyboard
from coner.data.noise import Noise


def make_noise(settings: NoiseSettings, *, rate: float) -> Noise:
    """The noise of these settings in this share of the sentences; ``DataError`` where there is no such layout."""
    keyboard = load_keyboard(settings.layout)
    return Noise(keyboard, rate=rate, where=settings.where, words=settings.words, seed=settings.seed)


def noisy_train(train: Sequence[Sentence], settings: NoiseSettings, log: Log) -> Sequence[Sentence]:
    """The training sentences, some with typos in place of what they were.

    Not beside it: runs with and without noise stay alike in their number of steps, no sentence weighs double, and the
    gazetteer, which leaves a sentence's own mentions out, does not find them in a copy.
    """
    if not settings.rate:
        return train
    noisy = make_noise(settings, rate=settings.rate)(train)
    log(f"noise in {sum(a != b for a, b in zip(train, noisy, strict=True))} of {len(train)} training sentences")
    return noisy


def noisy_copy(corpus: Corpus, noise: Noise) -> Corpus:
    """A file's sentences with typos; what was mended in the file is told once, of the file itself."""
    return replace(corpus, sentences=tuple(noise(corpus)), repaired=0, skipped=0)
