"""What training a feature CRF takes, stated before it starts: both time and memory grow with the square of the tags."""

from __future__ import annotations

from collections.abc import Sequence

from coner.core.errors import ConfigError
from coner.core.tags import TagSet
from coner.core.types import Sentence
from coner.families.crf.settings import CrfSettings

# Measured with crfsuite on an AMD EPYC, one core: 0.7 to 2.0e-8 s of 200 to 800 tags.
SECONDS = 1.2e-8  # for each word, pass, and pair of tags
BYTES = 100  # for each pair of tags, of crfsuite's transitions and their gradients
NOTABLE = 600  # seconds: below, nothing is said
MOST = 7 * 86_400  # seconds


def seconds(tried: Sequence[CrfSettings], labels: Sequence[str], sentences: Sequence[Sentence]) -> float:
    """Processor time to fit all of these settings, without their features: the part that depends on the labels."""
    words = sum(map(len, sentences))
    return sum(SECONDS * words * len(TagSet(labels, each.scheme)) ** 2 * each.max_iterations for each in tried)


def statement(tried: Sequence[CrfSettings], labels: Sequence[str], sentences: Sequence[Sentence]) -> str | None:
    """The cost in one line if it is notable; ``ConfigError`` with alternatives if it is more than a week."""
    needed = seconds(tried, labels, sentences)
    if needed < NOTABLE:
        return None
    tags = max(len(TagSet(labels, each.scheme)) for each in tried)
    cost = f"{needed / 3600:,.1f} h of processor time and {BYTES * tags**2 / (1 << 30):.1f} GiB of memory"
    cost = f"{tags:,} tags of {len(labels):,} labels take about {cost}"
    if needed > MOST:
        fix = 'Fix: use fewer labels or sentences, or kind = "encoder" with head.decoder = "softmax"'
        raise ConfigError(f"crf: {cost}; expected at most {MOST // 86_400} days. {fix}")
    return f"{cost}; faster: fewer labels or sentences, crf.max_iterations"
