"""The best tagging that an annotation with other labels allows: against all allowed paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from coner.core.tags import Scheme, TagSet
from coner.core.types import Entity, Region, Sentence
from coner.decoding.chain import Chain, Scores
from coner.families.best_tagging import best_allowed
from helpers.chain_oracle import SCHEMES, Paths
from helpers.set_oracle import is_allowed

A, B, BOTH = frozenset("A"), frozenset("B"), frozenset("AB")
REGIONS = [
    (Region(0, 2, BOTH, whole=True), Region(2, 3, A, whole=False)),
    (Region(1, 3, BOTH, whole=False),),
    (Region(0, 1, B, whole=True), Region(1, 3, BOTH, whole=True)),
]


class Scored:
    """A tagger that scores the tags of each sentence at random."""

    def __init__(self, tags: TagSet) -> None:
        self.rng, self.tags = np.random.default_rng(0), tags
        self.chain = Chain(tags, self.rng.normal(size=(len(tags), len(tags))))
        self.emissions: list[Scores] = []

    def tag_scores(self, sentences: Sequence[Sentence]) -> Iterator[tuple[Chain, Scores]]:
        self.emissions = [2 * self.rng.normal(size=(len(s), len(self.tags))) for s in sentences]
        return ((self.chain, scores) for scores in self.emissions)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_is_the_best_of_all_allowed_paths(scheme: Scheme) -> None:
    tagger = Scored(TagSet(["A", "B"], scheme))
    complete = Sentence(("a", "b"), (Entity(0, 1, "A"),))
    empty = Sentence((), (), regions=())
    sentences = [Sentence(tuple("abc"), (), regions=regions) for regions in 5 * REGIONS]
    found = list(best_allowed(tagger, [complete, *sentences, empty]))  # type: ignore[arg-type]
    assert found[0] == complete
    assert found[-1] == Sentence((), ())
    for sentence, emissions, result in zip(sentences, tagger.emissions, found[1:-1], strict=True):
        paths = Paths(tagger.tags, emissions, np.where(np.isinf(tagger.chain.transitions), 0, tagger.chain.transitions))
        ranked = sorted(zip(paths.log_probabilities, paths.entities, strict=True), key=lambda pair: -pair[0])
        best = next(entities for _, entities in ranked if is_allowed(entities, sentence.regions or ()))
        assert result == Sentence(sentence.words, tuple(best))


def test_a_mention_without_a_known_label_is_an_error() -> None:
    tagger = Scored(TagSet(["A"]))
    with pytest.raises(ValueError, match="words 0 to 1: expected a tag with one of: B, C"):
        TagSet(["A"]).allowed_by([Region(0, 1, frozenset("BC"), whole=True)], 2)
    assert list(best_allowed(tagger, [])) == []  # type: ignore[arg-type]
