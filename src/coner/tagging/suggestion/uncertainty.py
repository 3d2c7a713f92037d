"""How unsure a model is about the mentions of a sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import fsum
from pathlib import Path

import numpy as np

from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.decoding.spans import select_spans
from coner.families import load
from coner.families.manifest import read_manifest
from coner.families.registry import family, kinds
from coner.families.tagger import Tagger

LIKELY = 0.02  # spans with a lower probability are ignored: they are many, and add little
TASK_WORDS = 10  # a sentence takes as much time to label as these words, whatever its length; not tuned
DOUBTFUL = 0.1  # a span is shown if its probability is at least this far from 0 and from 1


def load_with_probabilities(folder: Path, kb: str | Path | None = None) -> Tagger:
    """Open a model whose mentions have probabilities; ``ConfigError`` for one that calls an endpoint.

    ``kb``: knowledge base of the model, if it uses one.
    """
    own, remote = read_manifest(folder).kind, {name for name in kinds() if family(name).calls_endpoint}
    if own in remote:
        fix = "name a trained model; coner distil labels text to train one on"
        raise ConfigError(f"{folder}: got a model of kind {own}, whose answers have no probabilities. Fix: {fix}")
    return load(folder, kb=kb)


def likely_spans(tagger: Tagger, sentences: Sequence[Sentence]) -> list[list[Entity]]:
    """The spans of each sentence, which has a word, that may be mentions; sorted by end, may overlap.

    The score of each is the probability of exactly this span with this label. From a family that ``has_chain`` these
    are all spans with a probability of at least ``LIKELY``, from others those that it predicts.
    """
    if not family(tagger.kind).has_chain:
        predicted = [prediction.entities or () for prediction in tagger.predict_raw(sentences)]
        return [sorted(entities, key=lambda entity: entity.end) for entities in predicted]
    found: list[list[Entity]] = [[] for _ in sentences]
    scores = list(tagger.tag_scores(sentences))
    same_length: defaultdict[int, list[int]] = defaultdict(list)
    for index, (_, emissions) in enumerate(scores):
        same_length[len(emissions)].append(index)
    for group in same_length.values():
        chain, emissions = scores[group[0]][0], np.stack([scores[index][1] for index in group])
        for index, spans in zip(group, chain.likely_spans(emissions, LIKELY), strict=True):
            found[index] = spans
    return found


def expected_errors(spans: Sequence[Entity]) -> float:
    """The expected number of wrong decisions about spans, if each is a mention where that is more likely than not.

    A span with the probability p adds min(p, 1 - p): predicted mentions that may be wrong count as much as likely
    mentions that are missed. This is the least expected Hamming loss over sets of labelled spans.
    """
    return fsum(min(span.score, 1 - span.score) for span in spans)


def uncertainty(spans: Sequence[Entity], words: int) -> float:
    """The expected errors per unit of annotation work: divided by the number of words plus ``TASK_WORDS``.

    Without a norm for length, the longest sentences would be chosen (Shen et al. 2018); with the number of words alone
    the shortest fragments.
    """
    return expected_errors(spans) / (words + TASK_WORDS)


def doubtful_spans(spans: Sequence[Entity]) -> list[Entity]:
    """Disjoint spans that are neither nearly certain nor nearly impossible, the most probable ones, by position."""
    return select_spans([span for span in spans if DOUBTFUL <= span.score <= 1 - DOUBTFUL], 0.0)
