"""A tagger from sentences in memory: both trainings behind one call, without a run's folder."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from coner.core.errors import MissingExtra
from coner.core.progress import Log
from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.crf.settings import CrfExperiment
from coner.families.encoder.settings import EncoderExperiment
from coner.families.settings import Fitted
from coner.families.tagger import Tagger


def train_tagger(
    settings: Fitted, *, train: Sequence[Sentence], dev: Sequence[Sentence], taxonomy: Taxonomy, log: Log
) -> Tagger:
    """Train what the settings describe, and keep nothing on disk.

    Args:
        settings: of the experiment; its files are not read.
        train, dev: labelled sentences, to learn from and to choose on.
        taxonomy: which knows all their labels.
        log: where lines go.

    Raises:
        MissingExtra: an encoder needs packages that are not installed.
    """
    if isinstance(settings, CrfExperiment):
        from coner.families.crf import fit as crf

        return crf.train(settings, train=train, dev=dev, taxonomy=taxonomy, log=log).tagger
    return _fine_tuned(settings, train=train, dev=dev, taxonomy=taxonomy, log=log)


def _fine_tuned(
    settings: EncoderExperiment, *, train: Sequence[Sentence], dev: Sequence[Sentence], taxonomy: Taxonomy, log: Log
) -> Tagger:
    try:
        from coner.families.encoder.training.trainer import EncoderTrainer
    except ModuleNotFoundError:
        raise MissingExtra("training an encoder", "encoder") from None
    with tempfile.TemporaryDirectory(prefix="coner-") as folder, _process_restored():
        trainer = EncoderTrainer(
            settings,
            train=train,
            dev=dev,
            taxonomy=taxonomy,
            folder=Path(folder),
            belongs_to="sentences in memory",
            log=log,
        )
        return trainer.run()


@contextmanager
def _process_restored() -> Iterator[None]:
    """The loop seeds the generators of the whole process, and sets its threads, which are the caller's.

    A search that draws from the generators must not draw alike twice.
    """
    import torch

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        torch.set_num_threads(threads)
