"""Compare a model with its export: scores, speed and size on the same sentences."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coner.core.progress import progress_bar
from coner.core.types import Sentence
from coner.data import Corpus
from coner.evaluation.score import score_sentences
from coner.families.manifest import MANIFEST, Manifest
from coner.families.tagger import Tagger

ROUNDS = 5
TIMED = 500  # sentences in a round, spread over the whole file


@dataclass(frozen=True)
class Candidate:
    """A model to measure: its tagger, a description, and the size of its files."""

    tagger: Tagger
    what: str
    bytes: int


@dataclass(frozen=True)
class Figures:
    """Measurements of one model.

    Attributes:
        what: library and precision.
        sentences_per_second: median of the rounds.
        bytes: size of its files.
        micro_f1, macro_f1: fractions of 1.
    """

    what: str
    sentences_per_second: float
    bytes: int
    micro_f1: float
    macro_f1: float


@dataclass(frozen=True)
class ExportReport:
    """Both models, and how they were measured.

    Attributes:
        before, after: the trained and the exported model.
        file: name of the dev file.
        sentences: in the dev split.
        timed: sentences in a round.
        rounds: for each model, alternating.
        threads: of each model.
    """

    before: Figures
    after: Figures
    file: str
    sentences: int
    timed: int
    rounds: int
    threads: int

    @property
    def drop(self) -> dict[str, float]:
        """Loss of ``micro_f1`` and ``macro_f1`` in points of 100; negative for a gain."""
        names = ("micro_f1", "macro_f1")
        return {name: 100 * (getattr(self.before, name) - getattr(self.after, name)) for name in names}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``drop`` is a fraction of 1 too."""
        return {**asdict(self), "drop": {name: points / 100 for name, points in self.drop.items()}}


def compare(before: Candidate, after: Candidate, dev: Corpus, *, threads: int) -> ExportReport:
    """Score both models on all sentences, then time them in alternating rounds, so that other load affects both."""
    both, sentences = (before, after), dev.sentences
    some = sentences[:: max(1, len(sentences) // TIMED)]
    with progress_bar("measuring", 2 * (len(sentences) + ROUNDS * len(some))) as bar:
        scores, seconds = [], []
        for model in both:  # this also fills the caches, before the clock runs
            scores.append(score_sentences(sentences, model.tagger.tag(sentences)).fine)
            bar.advance(len(sentences))
        for _ in range(ROUNDS):
            seconds.append([_time(model.tagger, some, bar.advance) for model in both])
    first, second = (
        Figures(model.what, len(some) / statistics.median(times), model.bytes, fine.micro_f1, fine.macro_f1)
        for model, times, fine in zip(both, zip(*seconds, strict=True), scores, strict=True)
    )
    return ExportReport(first, second, dev.path.name, len(sentences), len(some), ROUNDS, threads)


def _time(tagger: Tagger, sentences: Sequence[Sentence], advance: Callable[[int], object]) -> float:
    start = time.perf_counter()
    tagger.tag(sentences)
    seconds = time.perf_counter() - start
    advance(len(sentences))
    return seconds


def model_bytes(folder: Path, manifest: Manifest) -> int:
    """Size of a model on disk: its manifest and the files that it names."""
    return (folder / MANIFEST).stat().st_size + sum(entry.bytes for entry in manifest.files.values())
