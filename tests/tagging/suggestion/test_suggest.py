"""What to label next: uncertainty by enumeration, diversity, one pass in constant memory."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.decoding.chain import Chain, Scores
from coner.families.tagger import Prediction, Tagger
from coner.tagging.suggestion import suggest as module
from coner.tagging.suggestion.diversity import NEAR, Similarities, choose_diverse
from coner.tagging.suggestion.suggest import Suggestions, suggest
from coner.tagging.suggestion.uncertainty import LIKELY, doubtful_spans, expected_errors, likely_spans, uncertainty
from helpers.chain_oracle import SCHEMES, Paths, all_spans

TAGS = TagSet(("X", "Y"))


class ChainTagger(Tagger):
    """Emissions that depend on the words of a sentence only; tag sequences of a family that has a chain."""

    kind = "crf"
    labels, taxonomy = TAGS.labels, Taxonomy.flat(TAGS.labels)

    def __init__(self, tags: TagSet = TAGS, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.chain = Chain(tags, rng.normal(size=(len(tags), len(tags))))
        self.asked: list[int] = []  # sizes of batches

    def emissions(self, sentence: Sentence) -> Scores:
        numbers = [[sum(map(ord, word)), i] for i, word in enumerate(sentence.words)]
        return np.array([np.random.default_rng(n).normal(size=len(self.chain.tags)) * 2 for n in numbers])

    def tag_scores(self, sentences: Sequence[Sentence]) -> Iterator[tuple[Chain, Scores]]:
        self.asked.append(len(sentences))
        return ((self.chain, self.emissions(sentence)) for sentence in sentences)

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        for sentence in sentences:
            [entities] = self.chain.decode(self.emissions(sentence)[None])
            yield Prediction(sentence, tuple(entities))

    def save(self, folder: Path) -> None:
        raise NotImplementedError


class PredictingTagger(ChainTagger):
    """Of a family without a chain."""

    kind = "vote"


def sentence(text: str) -> Sentence:
    return Sentence(tuple(text.split()))


@given(st.integers(0, 1000), st.integers(1, 4), st.sampled_from(SCHEMES))
def test_expected_errors_are_those_of_the_best_decisions_over_all_paths(seed: int, size: int, scheme: str) -> None:
    tags = TagSet(("X", "Y"), scheme)  # type: ignore[arg-type]
    tagger, words = ChainTagger(tags, seed), Sentence(tuple("abcd"[:size]))
    paths = Paths(tags, tagger.emissions(words), tagger.chain.transitions, tagger.chain.first, tagger.chain.last)
    considered = {span for span in all_spans(tags, size) if paths.probability(span) >= LIKELY}
    decided = {span for span in considered if paths.probability(span) > 0.5}
    wrong = sum(
        np.exp(log) * len(decided ^ (set(found) & considered))
        for log, found in zip(paths.log_probabilities, paths.entities, strict=True)
    )
    [spans] = likely_spans(tagger, [words])
    assert set(spans) == considered
    assert expected_errors(spans) == pytest.approx(wrong, abs=1e-9)
    assert uncertainty(spans, size) == pytest.approx(wrong / (size + 10), abs=1e-9)


def test_sentences_of_different_lengths_get_the_spans_that_they_get_alone() -> None:
    tagger, sentences = ChainTagger(), [sentence(text) for text in ("a b", "c", "b a", "a b c d", "d")]
    alone = [likely_spans(tagger, [one])[0] for one in sentences]
    together = likely_spans(tagger, sentences)
    assert together == alone
    scores = [[span.score for span in spans] for spans in together]
    assert scores == [pytest.approx([span.score for span in spans]) for spans in alone]


def test_a_family_without_a_chain_is_unsure_of_what_it_predicts() -> None:
    tagger, words = PredictingTagger(), sentence("a b c d e f")
    [prediction] = tagger.predict([words])
    assert prediction.entities
    expected = sum(min(entity.score, 1 - entity.score) for entity in prediction.entities)
    assert expected_errors(likely_spans(tagger, [words])[0]) == pytest.approx(expected)
    assert tagger.asked == []


def test_doubtful_spans_are_neither_certain_nor_impossible_nor_overlap() -> None:
    spans = [Entity(0, 1, "X", 0.3), Entity(0, 2, "X", 0.6), Entity(2, 3, "X", 0.95), Entity(3, 4, "X", 0.05)]
    assert doubtful_spans(spans) == [Entity(0, 2, "X")]


TEXTS = st.lists(st.lists(st.sampled_from("abcdefAB"), min_size=1, max_size=6), min_size=1, max_size=12)


@given(TEXTS)
def test_similarities_are_cosines_of_tf_idf(texts: list[list[str]]) -> None:
    lowered = [[word.lower() for word in words] for words in texts]
    vocabulary = sorted({word for words in lowered for word in words})
    counts = np.array([[words.count(word) for word in vocabulary] for words in lowered], dtype=float)
    vectors = counts * np.log(1 + len(texts) / (counts > 0).sum(0))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarities = Similarities(texts)
    for index, row in enumerate(vectors @ vectors.T):
        assert similarities.to(index) == pytest.approx(row)


@given(TEXTS, st.integers(1, 8), st.randoms(use_true_random=False))
def test_a_choice_has_no_near_duplicates_and_is_the_greedy_one(
    texts: list[list[str]], number: int, rng: random.Random
) -> None:
    values = [round(rng.random(), 3) for _ in texts]
    chosen, similar = choose_diverse(texts, values, number)
    similarities = Similarities(texts)
    left = set(range(len(texts)))
    for place, (index, worth) in enumerate(chosen):
        closest = {i: max((similarities.to(c)[i] for c, _ in chosen[:place]), default=0.0) for i in left}
        open_ = {i: values[i] * (1 - closest[i]) for i in left if closest[i] < NEAR}
        assert worth == pytest.approx(max(open_.values()))
        assert open_[index] == pytest.approx(worth)
        left.remove(index)
    near = {i for i in left if any(similarities.to(c)[i] >= NEAR for c, _ in chosen)}
    assert len(near) == similar
    assert len(chosen) == number or near == left
    assert [worth for _, worth in chosen] == sorted((worth for _, worth in chosen), reverse=True)


def texts_of(found: Suggestions) -> list[str]:
    return [" ".join(one.sentence.words) for one in found.chosen]


def random_sentences(count: int, seed: int = 1) -> list[Sentence]:
    rng = random.Random(seed)
    words = [f"{a}{b}" for a in "abcdefgh" for b in "klmnop"]
    return [Sentence(tuple(rng.choices(words, k=rng.randint(1, 9)))) for _ in range(count)]


def test_a_stream_gives_what_a_choice_among_the_most_uncertain_of_all_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_CANDIDATES", 20)
    monkeypatch.setattr(module, "CANDIDATES", 4)
    tagger, sentences = ChainTagger(), list(dict.fromkeys(random_sentences(300)))
    found = suggest(tagger, iter(sentences), 6)
    pairs = zip(likely_spans(tagger, sentences), sentences, strict=True)
    values = [uncertainty(spans, len(words)) for spans, words in pairs]
    best = sorted(range(len(sentences)), key=lambda i: -values[i])[:24]
    expected, _ = choose_diverse([sentences[i].words for i in best], [values[i] for i in best], 6)
    assert [one.sentence.words for one in found.chosen] == [sentences[best[index]].words for index, _ in expected]
    for one in found.chosen:
        assert one.uncertainty == pytest.approx(values[sentences.index(Sentence(one.sentence.words))])
        assert one.sentence.entities == tuple(tagger.tag([one.sentence])[0])


def test_the_pool_holds_no_more_candidates_than_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_CANDIDATES", 5)
    monkeypatch.setattr(module, "CANDIDATES", 1)
    monkeypatch.setattr("coner.tagging.stream.BATCH_WORDS", 50)
    sizes: list[int] = []

    def spy(
        texts: Sequence[Sequence[str]], values: Sequence[float], number: int
    ) -> tuple[list[tuple[int, float]], int]:
        sizes.append(len(texts))
        return choose_diverse(texts, values, number)

    monkeypatch.setattr(module, "choose_diverse", spy)
    tagger = ChainTagger()
    suggest(tagger, iter(random_sentences(200)), 2)
    assert sizes == [5]
    assert len(tagger.asked) > 5


def test_known_and_repeated_sentences_are_left_out_and_counted() -> None:
    source = [sentence(text) for text in ("a b c", "A b C", "known one", "d e f g", "a b c")]
    found = suggest(ChainTagger(), [*source, Sentence(())], 10, known=[sentence("Known one")])
    assert sorted(texts_of(found)) == ["a b c", "d e f g"]
    counts = found.counts
    assert (counts.sentences, counts.words, counts.known, counts.repeated, counts.similar) == (5, 15, 1, 2, 0)


def test_near_duplicates_of_a_suggestion_are_counted() -> None:
    source = [sentence("kk ll mm nn oo pp qq rr ss"), sentence("kk ll mm nn oo pp qq rr ss ss")]
    found = suggest(ChainTagger(), source, 10)
    assert (len(found.chosen), found.counts.similar) == (1, 1)


def test_equal_input_gives_equal_suggestions_and_the_seed_decides_between_equal_ones() -> None:
    class Sure(ChainTagger):
        def emissions(self, sentence: Sentence) -> Scores:
            scores = np.zeros((len(sentence), len(self.chain.tags)))
            scores[:, self.chain.tags.ids["O"]] = 100.0
            return scores

    sentences = [sentence(f"{a}{b} {b}{a}") for a in "abcdef" for b in "klmn"]
    first, again = (texts_of(suggest(Sure(), some, 5, seed=3)) for some in (sentences, sentences[::-1]))
    assert first == again
    assert first != texts_of(suggest(Sure(), sentences, 5, seed=4))


def test_a_source_of_known_sentences_only_gives_nothing() -> None:
    found = suggest(ChainTagger(), [sentence("a b")], 3, known=[sentence("a B")])
    assert (found.chosen, found.counts.known) == ((), 1)
