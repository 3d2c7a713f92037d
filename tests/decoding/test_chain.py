"""The numpy chain against the enumeration of every valid path, and the selection of spans."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.tags import Scheme, TagSet
from coner.core.types import Entity
from coner.decoding.chain import Chain
from coner.decoding.spans import select_spans
from helpers.chain_oracle import SCHEMES, Paths, all_spans
from helpers.spans import disjoint

XY = TagSet(("X", "Y"))


def random_chain(tags: TagSet, seed: int, spread: float = 1.5) -> Chain:
    rng = np.random.default_rng(seed)
    transitions = rng.normal(size=(len(tags), len(tags))) * spread
    if seed % 2:
        return Chain(tags, transitions)
    first, last = rng.normal(size=(2, len(tags))) * spread
    return Chain(tags, transitions, first=first, last=last)


def enumerate_paths(chain: Chain, emissions: np.ndarray) -> Paths:
    return Paths(chain.tags, emissions, chain.transitions, chain.first, chain.last)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Chain, np.ndarray]:
    """A random chain, and emissions of three sentences of one length."""
    labels, scheme = draw(st.sampled_from([("X",), ("X", "Y")])), draw(st.sampled_from(SCHEMES))
    tags, seed = TagSet(labels, scheme), draw(st.integers(0, 10_000))
    shape = 3, draw(st.integers(1, 4)), len(tags)
    return random_chain(tags, seed), np.random.default_rng(seed + 1).normal(size=shape) * 2


def test_best_paths_of_many_sentences_are_found_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    own, emissions = Chain(XY, np.zeros((len(XY), len(XY)))), np.random.default_rng(1).normal(size=(7, 4, len(XY)))
    expected = own.viterbi(emissions)
    monkeypatch.setattr("coner.decoding.chain.MOVES", 2 * len(XY) ** 2)
    assert (own.viterbi(emissions) == expected).all()


@given(cases())
def test_viterbi_path_is_the_best_of_all_valid_paths(case: tuple[Chain, np.ndarray]) -> None:
    chain, emissions = case
    for rows, path in zip(emissions, chain.viterbi(emissions).tolist(), strict=True):
        assert tuple(path) == enumerate_paths(chain, rows).best


@given(cases())
def test_span_probability_matches_enumeration_of_all_paths(case: tuple[Chain, np.ndarray]) -> None:
    chain, emissions = case
    paths, spans = enumerate_paths(chain, emissions[0]), all_spans(chain.tags, emissions.shape[1])
    [probabilities] = chain.span_probabilities(emissions[:1], [spans])
    assert probabilities == pytest.approx([paths.probability(span) for span in spans], rel=1e-9)


@given(cases())
def test_probability_of_no_mention_matches_enumeration_of_all_paths(case: tuple[Chain, np.ndarray]) -> None:
    chain, emissions = case
    spans = all_spans(chain.tags, emissions.shape[1])
    found = chain.outside_probabilities(emissions, [spans, [], spans])
    assert found[1] == []
    for row in (0, 2):
        paths = enumerate_paths(chain, emissions[row])
        free = [
            [not any(e.start < span.end and span.start < e.end for e in entities) for entities in paths.entities]
            for span in spans
        ]
        assert found[row] == pytest.approx(list(np.array(free) @ np.exp(paths.log_probabilities)), rel=1e-9)


@given(cases())
def test_tag_marginals_match_enumeration_of_all_paths(case: tuple[Chain, np.ndarray]) -> None:
    chain, emissions = case
    for rows, found in zip(emissions, chain.tag_marginals(emissions), strict=True):
        paths, expected = enumerate_paths(chain, rows), np.zeros(rows.shape)
        for path, log in zip(paths.paths, paths.log_probabilities, strict=True):
            expected[range(len(path)), path] += np.exp(log)
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_smallest_probabilities_are_as_exact_as_the_others(scheme: Scheme) -> None:
    """Computed as 1 - P(the span continues), they would be lost to rounding."""
    tags = TagSet(("X", "Y"), scheme)
    emissions = np.zeros((2, len(tags)))
    emissions[0, tags.ids["B-X"]] = 50  # a mention begins, and almost surely continues
    emissions[1, [tags.ids["I-X"], tags.ids["E-X" if scheme == "bioes" else "I-X"]]] = 50
    chain, span = Chain(tags, np.zeros((len(tags), len(tags)))), Entity(0, 1, "X")
    expected = enumerate_paths(chain, emissions).probability(span)
    assert 0 < expected < 1e-20
    assert chain.span_probabilities(emissions[None], [[span]]) == [[pytest.approx(expected, rel=1e-9)]]


@given(cases())
def test_likely_spans_are_all_spans_above_the_threshold(case: tuple[Chain, np.ndarray]) -> None:
    chain, emissions = case
    every = all_spans(chain.tags, emissions.shape[1])
    for rows, spans in zip(emissions, chain.likely_spans(emissions, 0.02), strict=True):
        [probabilities] = chain.span_probabilities(rows[None], [every])
        likely = {span: p for span, p in zip(every, probabilities, strict=True) if p >= 0.02}
        assert {span: span.score for span in spans} == pytest.approx(likely, abs=1e-9)
        assert [span.end for span in spans] == sorted(span.end for span in spans)


@given(st.data())
def test_selected_spans_have_the_highest_sum_of_all_disjoint_sets(data: st.DataObject) -> None:
    scores = st.floats(0, 1)
    drawn = data.draw(st.lists(st.sampled_from(all_spans(XY, 5)), unique=True, max_size=8))
    spans = sorted((Entity(s.start, s.end, s.label, data.draw(scores)) for s in drawn), key=lambda s: s.end)
    threshold = data.draw(scores)

    def value(chosen: Iterable[Entity]) -> float:
        return sum(span.score - threshold for span in chosen)

    subsets = (subset for size in range(len(spans) + 1) for subset in combinations(spans, size))
    selected = select_spans(spans, threshold)
    assert disjoint(selected)
    assert value(selected) == pytest.approx(max(value(subset) for subset in subsets if disjoint(sorted(subset))))


def test_a_mention_with_an_uncertain_label_is_selected_although_the_best_path_has_none() -> None:
    emissions = np.zeros((1, 1, len(XY)))
    emissions[0, 0, [XY.ids["O"], XY.ids["B-X"], XY.ids["B-Y"]]] = np.log([0.4, 0.32, 0.28])
    chain = Chain(XY, np.zeros((len(XY), len(XY))))
    assert chain.viterbi(emissions).tolist() == [[0]]
    [span] = select_spans(chain.likely_spans(emissions, 0.25)[0], 0.25)
    assert (span, span.score) == (Entity(0, 1, "X"), pytest.approx(0.32))


def span_probability(chain: Chain, emissions: np.ndarray, entity: Entity) -> float:
    """From forward and backward sums: along the tags of the span, then to any tag that does not continue it."""
    alpha, beta = chain.forward(emissions[None])[0], chain.backward(emissions[None])[0]
    size = entity.end - entity.start
    tags = chain.tags.encode([Entity(0, size, entity.label)], size)
    score = alpha[entity.start, tags[0]]
    for t, (a, b) in enumerate(pairwise(tags), start=entity.start + 1):
        score += chain.transitions[a, b] + emissions[t, b]
    if entity.end < len(emissions):
        onward = chain.transitions[tags[-1]] + emissions[entity.end] + beta[entity.end]
        score += np.logaddexp.reduce(np.delete(onward, chain.tags.ids[f"I-{entity.label}"]))
    else:
        score += chain.last[tags[-1]]
    return float(np.exp(score - np.logaddexp.reduce(alpha[-1] + chain.last)))


def test_sums_over_3000_words_neither_overflow_nor_underflow() -> None:
    chain = random_chain(XY, 1, spread=5)
    emissions = np.random.default_rng(2).normal(size=(1, 3000, len(XY))) * 30
    entities, repaired = XY.decode(chain.viterbi(emissions)[0].tolist())
    assert repaired == 0
    [probabilities] = chain.span_probabilities(emissions, [entities])
    assert all(0 < probability <= 1 for probability in probabilities)
    for at in range(0, len(entities), 97):
        assert probabilities[at] == pytest.approx(span_probability(chain, emissions[0], entities[at]), rel=1e-6)
    assert max(probabilities) > 0.9
    assert np.isfinite(chain.forward(emissions)[:, :, 0]).all()
    spans = {span: span.score for span in chain.likely_spans(emissions, 0.2)[0]}
    likely = {entity: p for entity, p in zip(entities, probabilities, strict=True) if p > 0.21}
    assert len(likely) > 100
    assert {entity: spans[entity] for entity in likely} == pytest.approx(likely, abs=1e-6)


def test_a_batch_equals_its_sentences_one_by_one() -> None:
    tags = TagSet(("X", "Y"), "bioes")
    chain = random_chain(tags, 3)
    emissions = np.random.default_rng(4).normal(size=(5, 6, len(tags)))
    mentions = [[Entity(0, 1, "X"), Entity(2, 5, "Y")], [], [Entity(5, 6, "Y")], [], [Entity(0, 6, "X")]]
    probabilities = chain.span_probabilities(emissions, mentions)
    assert list(map(len, probabilities)) == [2, 0, 1, 0, 1]
    for row in range(5):
        alone = emissions[row : row + 1]
        assert chain.span_probabilities(alone, [mentions[row]])[0] == pytest.approx(probabilities[row], rel=1e-12)
        assert (chain.viterbi(emissions)[row] == chain.viterbi(alone)[0]).all()
        np.testing.assert_allclose(chain.forward(emissions)[row], chain.forward(alone)[0], rtol=1e-12)
        assert chain.likely_spans(emissions, 0.1)[row] == chain.likely_spans(alone, 0.1)[0]
        np.testing.assert_allclose(chain.backward(emissions)[row], chain.backward(alone)[0], rtol=1e-12)
