"""The cost of tag transitions in training a feature CRF, without its features."""

from __future__ import annotations

from collections.abc import Sequence

from coner.core.tags import Scheme, TagSet
from coner.core.types import Sentence
from coner.families.cost import state_cost
from coner.families.crf.settings import CrfSettings

# Measured with crfsuite on an AMD EPYC, one core: benchmarks/limits.py.
SECONDS = ((500, 4e-9), (1 << 20, 8e-9))  # for each word, pass and pair of up to so many tags: a matrix in its caches
CALIBRATION, SAMPLE = 12, 1000  # passes in which sgd tries rates, over at most so many sentences
BYTES = 100  # for each pair of tags, of crfsuite's transitions and their gradients


def seconds(tried: Sequence[CrfSettings], labels: Sequence[str], sentences: Sequence[Sentence]) -> float:
    """Processor time to fit all of these settings."""
    words = sum(map(len, sentences))
    tags = {scheme: _occurring(labels, scheme, sentences) for scheme in {each.scheme for each in tried}}
    return sum(words * _passes(each, len(sentences)) * _seconds(tags[each.scheme]) for each in tried)


def _passes(settings: CrfSettings, sentences: int) -> float:
    calibration = CALIBRATION * min(1.0, SAMPLE / max(1, sentences)) if settings.algorithm == "sgd" else 1.0
    return settings.max_iterations + calibration


def _seconds(tags: int) -> float:
    return tags**2 * next(rate for maximum, rate in SECONDS if tags <= maximum)


def _occurring(labels: Sequence[str], scheme: Scheme, sentences: Sequence[Sentence]) -> int:
    """Number of tags that occur: crfsuite has no others."""
    tags = TagSet(labels, scheme)
    return len({tag for s in sentences for tag in tags.encode(s.entities or (), len(s))})


def statement(tried: Sequence[CrfSettings], labels: Sequence[str], sentences: Sequence[Sentence]) -> str | None:
    """See ``state_cost``."""
    count = max(_occurring(labels, each.scheme, sentences) for each in tried)
    return state_cost(
        f"crf: {count:,} tags of {len(labels):,} labels",
        seconds=seconds(tried, labels, sentences),
        memory=BYTES * max(len(TagSet(labels, each.scheme)) for each in tried) ** 2,
        faster="fewer labels or sentences, crf.max_iterations",
        instead='use fewer labels or sentences, or kind = "encoder" with head.decoder = "softmax"',
    )
