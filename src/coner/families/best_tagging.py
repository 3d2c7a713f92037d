"""The most probable of the taggings that an annotation with other labels allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from coner.core.types import Sentence
from coner.families.tagger import Tagger

BATCH = 256  # sentences


def best_allowed(tagger: Tagger, sentences: Sequence[Sentence]) -> Iterator[Sentence]:
    """Each sentence with the entities of the best valid path of the tags that its regions allow; exact.

    Sentences without regions, whose entities are complete, are left as they are. ``ConfigError`` if the tagger has no
    chain of tags; ``ValueError`` if it knows no label of a mention.
    """
    for start in range(0, len(sentences), BATCH):
        some = sentences[start : start + BATCH]
        scores = tagger.tag_scores([s for s in some if s.regions is not None and len(s)])
        for sentence in some:
            if sentence.regions is None or not len(sentence):
                yield replace(sentence, regions=None)
                continue
            chain, emissions = next(scores)
            masked = np.full(emissions.shape, -np.inf)
            for word, ids in enumerate(chain.tags.allowed_by(sentence.regions, len(sentence))):
                masked[word, ids] = emissions[word, ids]
            entities, _ = chain.tags.decode(chain.viterbi(masked[None])[0].tolist())
            yield replace(sentence, entities=tuple(entities), regions=None)
