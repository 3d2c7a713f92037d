"""The chain against enumeration of every valid tag sequence."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, pairwise, product
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.tags import TagSet, entities_from_tags, may_follow
from coner.core.types import Entity
from coner.decoding.chain import Chain
from coner.decoding.select import select_spans

Scheme = Literal["iob2", "bioes"]


def chain(tags: TagSet, seed: int, spread: float = 1.5) -> Chain:
    rng = np.random.default_rng(seed)
    transitions = rng.normal(size=(len(tags), len(tags))) * spread
    if seed % 2:
        return Chain(tags, transitions)
    first, last = rng.normal(size=(2, len(tags))) * spread
    return Chain(tags, transitions, first=first, last=last)


def valid_paths(tags: TagSet, length: int) -> list[tuple[int, ...]]:
    """Every path that the scheme allows, by the scheme's own rule, edges included."""

    def is_valid(path: tuple[int, ...]) -> bool:
        names = [None, *(tags.tags[i] for i in path), None]
        return all(may_follow(a, b, tags.scheme) for a, b in pairwise(names))

    return [path for path in product(range(len(tags)), repeat=length) if is_valid(path)]


def path_score(chain: Chain, emissions: np.ndarray, path: tuple[int, ...]) -> float:
    moves = sum(chain.transitions[a, b] for a, b in pairwise(path)) + chain.first[path[0]] + chain.last[path[-1]]
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
    [found] = model.probabilities(emissions[None], [list(share)])
    assert found == pytest.approx([value / total for value in share.values()], rel=1e-9)


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_the_smallest_probabilities_are_as_exact_as_the_others(scheme: Scheme) -> None:
    """As what is left of one that goes on they would be lost in rounding."""
    tags = TagSet(("X", "Y"), scheme)
    emissions = np.zeros((2, len(tags)))
    emissions[0, tags.ids["B-X"]] = 50  # a mention begins, and goes on all but surely
    emissions[1, [tags.ids["I-X"], tags.ids["E-X" if scheme == "bioes" else "I-X"]]] = 50
    model = Chain(tags, np.zeros((len(tags), len(tags))))
    paths = {path: path_score(model, emissions, path) for path in valid_paths(tags, 2)}
    alone = [
        s for path, s in paths.items() if Entity(0, 1, "X") in entities_from_tags([tags.tags[i] for i in path], scheme)
    ]
    expected = np.exp(np.logaddexp.reduce(alone) - np.logaddexp.reduce(list(paths.values())))
    assert 0 < expected < 1e-20
    assert model.probabilities(emissions[None], [[Entity(0, 1, "X")]]) == [[pytest.approx(expected, rel=1e-9)]]


@cases
def test_spans_are_all_that_are_likely_enough(seed: int, length: int, scheme: Scheme, labels: tuple[str, ...]) -> None:
    tags = TagSet(labels, scheme)
    model = chain(tags, seed)
    emissions = np.random.default_rng(seed + 1).normal(size=(3, length, len(tags))) * 2
    every = [Entity(a, b, label) for a in range(length) for b in range(a + 1, length + 1) for label in labels]
    for row, spans in enumerate(model.spans(emissions, 0.02)):
        likely = {
            e: p for e, p in zip(every, model.probabilities(emissions[[row]], [every])[0], strict=True) if p >= 0.02
        }
        assert {span: span.score for span in spans} == pytest.approx(likely, abs=1e-9)
        assert [span.end for span in spans] == sorted(span.end for span in spans)


@given(st.data())
def test_choice_is_worth_the_most_of_all_that_do_not_overlap(data: st.DataObject) -> None:
    scores = st.floats(0, 1)
    places = [Entity(a, b, label) for b in range(1, 6) for a in range(b) for label in "XY"]
    drawn = data.draw(st.lists(st.sampled_from(places), unique=True, max_size=8))
    spans = sorted((Entity(s.start, s.end, s.label, data.draw(scores)) for s in drawn), key=lambda s: s.end)
    threshold = data.draw(scores)

    def worth(chosen: Iterable[Entity]) -> float:
        return sum(span.score - threshold for span in chosen)

    def fits(chosen: tuple[Entity, ...]) -> bool:
        return all(a.end <= b.start or b.end <= a.start for a, b in combinations(chosen, 2))

    subsets = (subset for size in range(len(spans) + 1) for subset in combinations(spans, size) if fits(subset))
    chosen = select_spans(spans, threshold)
    assert fits(tuple(chosen))
    assert chosen == sorted(chosen)
    assert worth(chosen) == pytest.approx(max(map(worth, subsets)))


def test_a_mention_whose_label_is_unsure_is_found_though_no_path_is() -> None:
    """Two labels share what speaks for a mention; the best path has none, and one half of it is worth having."""
    tags = TagSet(("X", "Y"))
    emissions = np.zeros((1, 1, len(tags)))
    emissions[0, 0, [tags.ids["O"], tags.ids["B-X"], tags.ids["B-Y"]]] = np.log([0.4, 0.32, 0.28])
    model = Chain(tags, np.zeros((len(tags), len(tags))))
    assert model.best(emissions).tolist() == [[0]]
    [found] = select_spans(model.spans(emissions, 0.25)[0], 0.25)
    assert (found, found.score) == (Entity(0, 1, "X"), pytest.approx(0.32))


def span_probability(model: Chain, emissions: np.ndarray, entity: Entity) -> float:
    """From forward and backward sums alone: along the span's tags, and on to whatever does not go on with it."""
    alpha, beta = model.forward(emissions[None])[0], model.backward(emissions[None])[0]
    tags = model.tags.encode([Entity(0, entity.end - entity.start, entity.label)], entity.end - entity.start)
    score = alpha[entity.start, tags[0]]
    for t, (a, b) in enumerate(pairwise(tags), start=entity.start + 1):
        score += model.transitions[a, b] + emissions[t, b]
    if entity.end < len(emissions):
        onward = model.transitions[tags[-1]] + emissions[entity.end] + beta[entity.end]
        score += np.logaddexp.reduce(np.delete(onward, model.tags.ids[f"I-{entity.label}"]))
    else:
        score += model.last[tags[-1]]
    return float(np.exp(score - np.logaddexp.reduce(alpha[-1] + model.last)))


def test_many_words_neither_overflow_nor_vanish() -> None:
    tags = TagSet(("X", "Y"))
    model = chain(tags, 1, spread=5)
    emissions = np.random.default_rng(2).normal(size=(1, 3000, len(tags))) * 30
    best = model.best(emissions)[0].tolist()
    entities, repaired = tags.decode(best)
    assert repaired == 0
    [probabilities] = model.probabilities(emissions[:1], [entities])
    assert all(0 < probability <= 1 for probability in probabilities)
    for at in range(0, len(entities), 97):
        assert probabilities[at] == pytest.approx(span_probability(model, emissions[0], entities[at]), rel=1e-6)
    assert max(probabilities) > 0.9
    assert np.isfinite(model.forward(emissions)[:, :, 0]).all()
    spans = {span: span.score for span in model.spans(emissions, 0.2)[0]}
    likely = {entity: p for entity, p in zip(entities, probabilities, strict=True) if p > 0.21}
    assert len(likely) > 100
    assert {entity: spans[entity] for entity in likely} == pytest.approx(likely, abs=1e-6)


def test_sentences_together_equal_sentences_alone() -> None:
    tags = TagSet(("X", "Y"), "bioes")
    model = chain(tags, 3)
    emissions = np.random.default_rng(4).normal(size=(5, 6, len(tags)))
    mentions = [[Entity(0, 1, "X"), Entity(2, 5, "Y")], [], [Entity(5, 6, "Y")], [], [Entity(0, 6, "X")]]
    scores = model.probabilities(emissions, mentions)
    assert list(map(len, scores)) == [2, 0, 1, 0, 1]
    for row in range(5):
        alone = emissions[row : row + 1]
        assert model.probabilities(alone, [mentions[row]])[0] == pytest.approx(scores[row], rel=1e-12)
        assert (model.best(emissions)[row] == model.best(alone)[0]).all()
        np.testing.assert_allclose(model.forward(emissions)[row], model.forward(alone)[0], rtol=1e-12)
        assert model.spans(emissions, 0.1)[row] == model.spans(alone, 0.1)[0]
        np.testing.assert_allclose(model.backward(emissions)[row], model.backward(alone)[0], rtol=1e-12)
