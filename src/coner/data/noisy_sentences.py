"""Keyboard noise as the settings of an experiment ask for it: in training, and in copies to evaluate on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coner.config.data import NoiseSettings
from coner.core.progress import Log
from coner.core.types import Sentence
from coner.data.corpus import Corpus
from coner.data.keyboard import load_keyboard
from coner.data.noise import Noise


def make_noise(settings: NoiseSettings, *, rate: float) -> Noise:
    """The noise of these settings in a fraction ``rate`` of the sentences; ``DataError`` for an unknown layout."""
    keyboard = load_keyboard(settings.layout)
    return Noise(keyboard, rate=rate, where=settings.where, words=settings.words, seed=settings.seed)


def noisy_train(train: Sequence[Sentence], settings: NoiseSettings, log: Log) -> Sequence[Sentence]:
    """Replace some training sentences by noisy ones.

    They are replaced, not added: then runs with and without noise take the same number of steps, no sentence counts
    twice, and the gazetteer, which excludes the mentions of the sentence itself, does not find them in a copy.
    """
    if not settings.rate:
        return train
    noisy = make_noise(settings, rate=settings.rate)(train)
    log(f"noise in {sum(a != b for a, b in zip(train, noisy, strict=True))} of {len(train)} training sentences")
    return noisy


def noisy_copy(corpus: Corpus, noise: Noise) -> Corpus:
    """A corpus with typos, without the counts of faults, which are reported for the original."""
    return replace(corpus, sentences=tuple(noise(corpus)), repaired=0, skipped=0)
