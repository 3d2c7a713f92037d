"""The chain against enumeration of every valid tag sequence."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.taggers.chain import Chain
from coner.tags import TagSet, entities_from_tags, may_follow
from coner.types import Entity

Scheme = Literal["iob2", "bioes"]


def chain(tags: TagSet, seed: int, spread: float = 1.5) -> Chain:
    rng = np.random.default_rng(seed)
    return Chain(tags, rng.normal(size=(len(tags), len(tags))) * spread)


def valid_paths(tags: TagSet, length: int) -> list[tuple[int, ...]]:
    """Every path that the scheme allows, by the scheme's own rule, edges included."""

    def is_valid(path: tuple[int, ...]) -> bool:
        names = [None, *(tags.tags[i] for i in path), None]
        return all(may_follow(a, b, tags.scheme) for a, b in pairwise(names))

    return [path for path in product(range(len(tags)), repeat=length) if is_valid(path)]


def path_score(chain: Chain, emissions: np.ndarray, path: tuple[int, ...]) -> float:
    moves = sum(chain.transitions[a, b] for a, b in pairwise(path))
    return float(sum(emissions[t, tag] for t, tag in enumerate(path)) + moves)


cases = given(
    seed=st.integers(0, 10_000),
    length=st.integers(1, 4),
    scheme=st.sampled_from(["iob2", "bioes"]),
    labels=st.sampled_from([("X",), ("X", "Y")]),
)


@cases
def test_best_path_is_the_best_of_all_valid_ones(
    seed: int, length: int, scheme: Scheme, labels: tuple[str, ...]
) -> None:
    tags = TagSet(labels, scheme)
    model = chain(tags, seed)
    emissions = np.random.default_rng(seed + 1).normal(size=(3, length, len(tags))) * 2
    for row, found in enumerate(model.best(emissions).tolist()):
        expected = max(valid_paths(tags, length), key=lambda path: path_score(model, emissions[row], path))
        assert tuple(found) == expected


@cases
def test_probability_of_a_span_is_the_share_of_the_paths_that_hold_it(
    seed: int, length: int, scheme: Scheme, labels: tuple[str, ...]
) -> None:
    tags = TagSet(labels, scheme)
    model = chain(tags, seed)
    emissions = np.random.default_rng(seed + 1).normal(size=(length, len(tags))) * 2
    total, share = (
        0.0,
        dict.fromkeys(
            (Entity(a, b, label) for a in range(length) for b in range(a + 1, length + 1) for label in labels), 0.0
        ),
    )
    for path in valid_paths(tags, length):
        weight = np.exp(path_score(model, emissions, path))
        total += weight
        for entity in entities_from_tags([tags.tags[i] for i in path], scheme):
            share[entity] += weight
    found = model.probabilities(emissions, list(share))
    assert found == pytest.approx([value / total for value in share.values()], abs=1e-9)


def test_many_words_neither_overflow_nor_vanish() -> None:
    tags = TagSet(("X", "Y"))
    model = chain(tags, 1, spread=5)
    emissions = np.random.default_rng(2).normal(size=(1, 3000, len(tags))) * 30
    best = model.best(emissions)[0].tolist()
    entities, repaired = tags.decode(best)
    assert repaired == 0
    probabilities = model.probabilities(emissions[0], entities)
    assert all(0 < probability <= 1 for probability in probabilities)
    assert max(probabilities) > 0.9
    assert np.isfinite(model.forward(emissions)[:, :, 0]).all()


def test_sentences_together_equal_sentences_alone() -> None:
    tags = TagSet(("X", "Y"), "bioes")
    model = chain(tags, 3)
    emissions = np.random.default_rng(4).normal(size=(5, 6, len(tags)))
    for row in range(5):
        alone = emissions[row : row + 1]
        assert (model.best(emissions)[row] == model.best(alone)[0]).all()
        np.testing.assert_allclose(model.forward(emissions)[row], model.forward(alone)[0], rtol=1e-12)
        np.testing.assert_allclose(model.backward(emissions)[row], model.backward(alone)[0], rtol=1e-12)
