"""Compare two models on a dev file: F1 on all sentences, and speed in alternating rounds."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from coner.core.progress import progress_bar
from coner.data import Corpus
from coner.evaluation.score import score
from coner.families.manifest import MANIFEST, Manifest
from coner.families.tagger import Tagger

ROUNDS = 5
TIMED = 500  # sentences in a round, spread over the whole file


class MeasuredModel(NamedTuple):
    """A model to measure: its tagger, a description, and the size of its files."""

    tagger: Tagger
    what: str
    bytes: int


@dataclass(frozen=True)
class Measurements:
    """Measurements of one model."""

    what: str  # library and precision
    sentences_per_second: float  # median of the rounds
    bytes: int
    micro_f1: float
    macro_f1: float


@dataclass(frozen=True)
class BeforeAfter:
    """Both models, and how they were measured."""

    before: Measurements
    after: Measurements
    file: str  # name of the dev file
    sentences: int  # in the dev split
    timed: int  # sentences in a round
    rounds: int  # for each model, alternating
    threads: int

    @property
    def drop(self) -> dict[str, float]:
        """Loss of ``micro_f1`` and ``macro_f1`` in points of 100; negative for a gain."""
        names = ("micro_f1", "macro_f1")
        return {name: 100 * (getattr(self.before, name) - getattr(self.after, name)) for name in names}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``drop`` is a fraction of 1 too."""
        return {**asdict(self), "drop": {name: points / 100 for name, points in self.drop.items()}}


def compare(before: MeasuredModel, after: MeasuredModel, dev: Corpus, *, threads: int) -> BeforeAfter:
    """Score both models on all sentences, then time them in alternating rounds, so that other load affects both."""
    both, sentences = (before, after), dev.sentences
    some = sentences[:: max(1, len(sentences) // TIMED)]
    seconds: tuple[list[float], list[float]] = ([], [])
    with progress_bar("measuring", 2 * (len(sentences) + ROUNDS * len(some))) as bar:
        scores = []
        for model in both:  # this also fills the caches before timing
            scores.append(score(sentences, model.tagger.tag(sentences)).fine)
            bar.advance(len(sentences))
        for model, times in [*zip(both, seconds, strict=True)] * ROUNDS:
            start = time.perf_counter()
            model.tagger.tag(some)
            times.append(time.perf_counter() - start)
            bar.advance(len(some))
    first, second = (
        Measurements(model.what, len(some) / statistics.median(times), model.bytes, fine.micro_f1, fine.macro_f1)
        for model, times, fine in zip(both, seconds, scores, strict=True)
    )
    return BeforeAfter(first, second, dev.path.name, len(sentences), len(some), ROUNDS, threads)


def model_bytes(folder: Path, manifest: Manifest) -> int:
    """The size of a model: its manifest and the files that it names."""
    return (folder / MANIFEST).stat().st_size + sum(entry.bytes for entry in manifest.files.values())
