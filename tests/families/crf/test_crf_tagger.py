"""The CRF tagger with random weights, against emissions summed one by one and the enumeration of all paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner import families as taggers
from coner.core.errors import ConfigError, ModelError
from coner.core.tags import Scheme, TagSet, may_follow
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.crf import tagger as crf
from coner.families.crf.emissions import Weights
from coner.families.crf.explain import explain
from coner.families.crf.settings import CrfExperiment, CrfManifest, CrfSettings
from coner.families.crf.tagger import CrfTagger
from coner.features import Extractor, Lexicon
from coner.features.gazetteer import Gazetteer
from helpers.chain_oracle import SCHEMES, Paths
from helpers.spans import disjoint

TEXT = ["the band played in rome", "rome fell", "a river", "the the", "rome"]
SENTENCES = [Sentence(tuple(text.split())) for text in TEXT]
LABELS = ("Artist", "Medication/Vaccine")


def make(*, seed: int = 0, scheme: Scheme = "iob2", threshold: float | None = None) -> CrfTagger:
    """A tagger with one to three random weights per feature."""
    rng = np.random.default_rng(seed)
    lexicon = Lexicon({"rome": ("1", "9")}, Gazetteer.learn([Sentence(("rome",), (Entity(0, 1, "Artist"),))]))
    extractor = Extractor((), lexicon)
    features = tuple(sorted({f for s in SENTENCES for row in extractor(s.words) for f in row if "b" not in f}))
    tags = len(TagSet(LABELS, scheme))
    sizes = rng.integers(1, 4, size=len(features))
    weights = Weights(
        features,
        np.concatenate([[0], np.cumsum(sizes)]),
        np.concatenate([rng.choice(tags, size=size, replace=False) for size in sizes]).astype(np.int16),
        rng.normal(size=sizes.sum()).astype(np.float32),
        rng.normal(size=(tags, tags)),
    )
    settings = CrfExperiment(kind="crf", crf=CrfSettings(features=extractor.names, scheme=scheme))
    taxonomy = Taxonomy.flat(LABELS)
    manifest = CrfManifest(kind="crf", labels=LABELS, taxonomy=taxonomy, settings=settings, threshold=threshold)
    return CrfTagger(weights, lexicon, manifest)


def slow_emissions(tagger: CrfTagger, sentence: Sentence) -> list[list[float]]:
    """Emissions summed one weight at a time."""
    w = tagger.weights
    rows = []
    for strings in tagger.extractor(sentence.words):
        row = [0.0] * len(tagger.tags)
        for string in strings:
            if string in w.features:
                f = w.features.index(string)
                for e in range(w.starts[f], w.starts[f + 1]):
                    row[w.tags[e]] += float(w.values[e])
        rows.append(row)
    return rows


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("sentence", SENTENCES[1:], ids=TEXT[1:])
def test_entities_and_confidences_match_enumeration(sentence: Sentence, scheme: Scheme) -> None:
    tagger = make(seed=len(sentence), scheme=scheme)
    paths = Paths(tagger.tags, slow_emissions(tagger, sentence), tagger.weights.transitions)
    [prediction] = tagger.predict([sentence])
    assert prediction.entities == tuple(tagger.tags.decode(paths.best)[0])
    assert [e.score for e in prediction.entities] == pytest.approx(
        [paths.probability(e) for e in prediction.entities], abs=1e-6
    )
    assert prediction.repaired == 0


def test_tag_scores_are_those_of_each_sentence_in_order() -> None:
    tagger, sentences = make(), SENTENCES[1:]
    for sentence, (chain, emissions) in zip(sentences, tagger.tag_scores(sentences), strict=True):
        np.testing.assert_allclose(emissions, slow_emissions(tagger, sentence), atol=1e-6)
        assert list(chain.decode(emissions[None])) == tagger.tag([sentence])


@pytest.mark.parametrize("dense", [1, 2, 6])  # features stored as a row: none, those with three weights, all
def test_sparse_and_dense_weights_give_the_same_sums(monkeypatch: pytest.MonkeyPatch, dense: int) -> None:
    monkeypatch.setattr("coner.families.crf.emissions.DENSE", dense)
    tagger = make(seed=3)
    for sentence in SENTENCES:
        np.testing.assert_allclose(tagger.emissions([sentence])[0], slow_emissions(tagger, sentence), atol=1e-6)


def test_random_weights_predict_entities() -> None:
    """A precondition of the comparisons above."""
    assert sum(len(entities) for seed in range(4) for entities in make(seed=seed).tag(SENTENCES)) > 4


def test_a_batch_equals_its_sentences_one_by_one_and_gold_is_ignored() -> None:
    tagger = make()
    alone = [tagger.tag([sentence])[0] for sentence in SENTENCES]
    labelled = [Sentence(s.words, (Entity(0, 1, "Artist"),)) for s in SENTENCES]
    for entities in (tagger.tag(SENTENCES), tagger.tag(labelled)):
        assert entities == alone
        assert [e.score for s in entities for e in s] == pytest.approx([e.score for s in alone for e in s])


def test_empty_input_and_empty_sentences() -> None:
    assert make().tag([]) == []
    assert make().tag([Sentence(()), SENTENCES[0], Sentence(())])[::2] == [[], []]


def test_a_word_without_known_features() -> None:
    [entities] = make().tag([Sentence(("ж",))])
    assert all(0 < entity.score <= 1 for entity in entities)


def test_very_long_sentences_and_words() -> None:
    [entities, _] = make().tag([Sentence(SENTENCES[0].words * 1000), Sentence(("z" * 10_000,))])
    assert entities == sorted(entities)
    assert all(0 < entity.score <= 1 for entity in entities)


def test_a_lower_threshold_predicts_more() -> None:
    counts = [sum(map(len, make(seed=1, threshold=threshold).tag(SENTENCES))) for threshold in (0.9, 0.2, 0.01)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


@pytest.mark.parametrize("threshold", [0.5, 0.1])
def test_selected_spans_are_above_the_threshold(threshold: float) -> None:
    tagger = make(seed=3, threshold=threshold)
    for entities, likely in zip(tagger.tag(SENTENCES), tagger.likely_spans(SENTENCES, threshold), strict=True):
        assert [entity.score for entity in entities] == [likely[likely.index(entity)].score for entity in entities]
        assert all(entity.score > threshold for entity in entities)


@given(st.lists(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=5), max_size=4))
def test_any_words_give_disjoint_spans(sentences: list[list[str]]) -> None:
    for words, entities in zip(sentences, TAGGER.tag([Sentence(tuple(words)) for words in sentences]), strict=True):
        assert disjoint(entities)
        assert all(entity.end <= len(words) and 0 < entity.score <= 1 for entity in entities)


TAGGER = make(seed=2)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_saved_tagger_predicts_the_same(tmp_path: Path, scheme: Scheme) -> None:
    tagger = make(scheme=scheme, threshold=0.25)
    tagger.save(tmp_path / "model")
    again = taggers.load(tmp_path / "model")
    assert isinstance(again, CrfTagger)
    assert again.tag(SENTENCES) == tagger.tag(SENTENCES)
    assert [e.score for s in again.tag(SENTENCES) for e in s] == [e.score for s in tagger.tag(SENTENCES) for e in s]
    assert (again.settings, again.taxonomy, again.threshold) == (tagger.settings, tagger.taxonomy, 0.25)


def test_features_with_any_characters_are_saved(tmp_path: Path) -> None:
    tagger = make()
    features = ("word=a\nb", "word=\u200d", "word=\ud800", "word=:")
    weights = Weights(features, np.arange(5), np.ones(4, np.int16), np.ones(4, np.float32), tagger.weights.transitions)
    CrfTagger(weights, Lexicon(), tagger.manifest).save(tmp_path)
    again = taggers.load(tmp_path)
    assert isinstance(again, CrfTagger)
    assert again.weights.features == features


@pytest.mark.parametrize("fault", ["a tag too high", "a tag below 0", "a weight too few", "a feature too few"])
def test_inconsistent_weights_are_an_error(tmp_path: Path, fault: str) -> None:
    tagger = make()
    tagger.save(tmp_path / "model")
    w = tagger.weights
    arrays = {"starts": w.starts, "tags": w.tags.copy(), "values": w.values, "transitions": w.transitions}
    if "tag " in fault:
        arrays["tags"][0] = 99 if "high" in fault else -1
    name = "values" if "weight" in fault else "starts"
    arrays[name] = arrays[name][: None if "tag " in fault else -1]
    np.savez(tmp_path / "model" / "weights.npz", **arrays)
    manifest = CrfManifest.model_validate_json((tmp_path / "model" / "model.json").read_text())
    with pytest.raises(ModelError, match=r"does not fit model\.json"):
        crf.load(tmp_path / "model", manifest)


def test_the_model_folder_contains_no_pickle(tmp_path: Path) -> None:
    make().save(tmp_path)
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_explanation_has_the_strongest_weights_of_each_label() -> None:
    tagger = make(seed=4)
    w, names = tagger.weights, tagger.tags.tags
    expected = sorted(
        (
            (float(w.values[e]), names[w.tags[e]], feature)
            for f, feature in enumerate(w.features)
            for e in range(w.starts[f], w.starts[f + 1])
            if names[w.tags[e]].endswith("-Artist")
        ),
        key=lambda row: -row[0],
    )
    [explanation] = explain(tagger, labels=["Artist"], top=5)
    assert [(row.weight, row.tag, row.feature) for row in explanation.supports] == expected[:5]
    assert [(row.weight, row.tag, row.feature) for row in explanation.opposes] == expected[:-6:-1]
    for move in explanation.transitions:
        assert may_follow(move.before, move.after, "iob2")
        assert "Artist" in move.before + move.after
        assert move.weight == tagger.weights.transitions[names.index(move.before), names.index(move.after)]
    assert [each.label for each in explain(tagger)] == list(LABELS)


def test_explaining_an_unknown_label_lists_the_known_labels() -> None:
    with pytest.raises(ConfigError, match="got label 'Artst'; expected one of: Artist, Medication/Vaccine"):
        explain(make(), labels=["Artst"])
