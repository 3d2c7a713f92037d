"""A model beside the one that was made of it: speed, size, and scores on the same sentences."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coner.core.types import Sentence
from coner.evaluation.score import score_sentences
from coner.families.manifest import MANIFEST, Manifest
from coner.families.tagger import Tagger

ROUNDS = 5
TIMED = 500  # sentences of a round, from all over the file


@dataclass(frozen=True)
class Side:
    """One of the two models.

    Attributes:
        what: library and numbers that it computes with.
        sentences_per_second: median of the rounds.
        bytes: of its files.
        micro_f1, macro_f1: fractions of 1.
    """

    what: str
    sentences_per_second: float
    bytes: int
    micro_f1: float
    macro_f1: float


@dataclass(frozen=True)
class Judgement:
    """Both models, and how they were measured.

    Attributes:
        file: base name of the validation file, which has so many ``sentences``.
        timed: sentences of a round.
        rounds: for each model, in turn.
        threads: that each computed with.
    """

    before: Side
    after: Side
    file: str
    sentences: int
    timed: int
    rounds: int
    threads: int

    @property
    def drop(self) -> dict[str, float]:
        """What was lost of ``micro_f1`` and ``macro_f1``, in points of 100; below 0, gained."""
        names = ("micro_f1", "macro_f1")
        return {name: 100 * (getattr(self.before, name) - getattr(self.after, name)) for name in names}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; ``drop`` in fractions of 1 too."""
        return {**asdict(self), "drop": {name: points / 100 for name, points in self.drop.items()}}


@dataclass(frozen=True)
class Candidate:
    """A model to be judged: the tagger, what it is, and the size of its files."""

    tagger: Tagger
    what: str
    bytes: int


def judge(
    before: Candidate,
    after: Candidate,
    sentences: Sequence[Sentence],
    *,
    groups: Mapping[str, str],
    file: str,
    threads: int,
    advance: Callable[[int], object],
) -> Judgement:
    """Score both on all sentences, then time them by turns, so that what else the machine does meets both.

    Scoring comes first: caches are full, and every word has been cut into pieces once, before the clock runs.
    ``advance`` is told how many sentences are done, ``work(sentences)`` in all.
    """
    both = (before, after)
    scores = []
    for side in both:
        found = side.tagger.tag(sentences)
        scores.append(score_sentences(sentences, found, groups=groups).fine)
        advance(len(sentences))
    some = sentences[:: max(1, len(sentences) // TIMED)]
    seconds: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for side, taken in zip(both, seconds, strict=True):
            began = time.perf_counter()
            side.tagger.tag(some)
            taken.append(time.perf_counter() - began)
            advance(len(some))
    first, second = (
        Side(side.what, len(some) / statistics.median(taken), side.bytes, fine.micro_f1, fine.macro_f1)
        for side, taken, fine in zip(both, seconds, scores, strict=True)
    )
    return Judgement(
        before=first,
        after=second,
        file=file,
        sentences=len(sentences),
        timed=len(some),
        rounds=ROUNDS,
        threads=threads,
    )


def work(sentences: int) -> int:
    """How many sentences a judgement tags, all in all."""
    timed = len(range(0, sentences, max(1, sentences // TIMED)))
    return 2 * (sentences + ROUNDS * timed)


def size(folder: Path, manifest: Manifest) -> int:
    """Bytes of a model on disk: its manifest, and the files that it names."""
    return (folder / MANIFEST).stat().st_size + sum(entry.bytes for entry in manifest.files.values())
