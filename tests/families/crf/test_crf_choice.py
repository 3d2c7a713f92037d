"""Training without settings: what is tried, on how much text, and that explicit settings are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import coner
from coner.core.progress import Log
from coner.core.types import Sentence
from coner.evaluation.score import score
from coner.families.crf import fit
from coner.families.crf.candidates import candidates
from coner.families.crf.settings import CrfExperiment, CrfSettings
from coner.families.crf.tagger import CrfTagger
from coner.families.family import Built
from helpers import small

CASED = [Sentence(tuple(map(str.title, s.words)), s.entities) for s in small.CORPUS]
GOLD = [list(sentence.entities or ()) for sentence in small.CORPUS]
FORMER = ("features", "scheme", "algorithm", "c1", "c2", "min_frequency", "max_iterations", "clusters")
FORMER = (*FORMER, "cluster_file", "thresholds", "trials")


def learn(**crf: Any) -> Built:
    experiment = CrfExperiment.model_validate({"kind": "crf", "crf": crf})
    return fit.train(experiment, train=small.CORPUS, dev=small.CORPUS, taxonomy=small.TAXONOMY, log=Log())


def test_nothing_set_tries_both_algorithms_and_feature_sets() -> None:
    tried = candidates(CrfSettings(), CASED)
    same = {"thresholds": (), "function_words": "english"}  # these vary with the text only
    assert tried[0].model_copy(update=same) == CrfSettings(algorithm="sgd", thresholds=())
    assert {(choice.algorithm, bool(choice.features)) for choice in tried} == {
        ("sgd", False),
        ("lbfgs", False),
        ("lbfgs", True),
    }


def test_features_of_case_are_tried_on_cased_text_only() -> None:
    cased, lower = ({n for c in candidates(CrfSettings(), text) for n in c.features} for text in (CASED, small.CORPUS))
    assert {"lower", "case"} <= cased
    assert not {"lower", "case"} & lower


def test_function_words_are_learned_where_the_text_is_not_english() -> None:
    swedish = [Sentence(("boken", "är", "skriven", "av", "en", "författare", "från", "staden"))]
    english = [Sentence(("the", "book", "was", "written", "by", "an", "author", "in", "town"))]
    for text, expected in ((swedish, "learned"), (english, "english")):
        assert {choice.function_words for choice in candidates(CrfSettings(), text)} == {expected}


@pytest.mark.parametrize("set_", [{"c2": 0.1}, {"features": ["word"]}, {"trials": 2}, {"thresholds": [0.5]}])
def test_a_section_that_sets_something_is_trained_as_before(set_: dict[str, Any]) -> None:
    settings = CrfSettings.model_validate(set_)
    assert settings.algorithm == "sgd"
    assert candidates(settings, CASED) == [settings]
    assert set(settings.model_dump()) == set(FORMER)  # the fingerprint too


def test_a_config_that_spells_out_all_defaults_is_the_default() -> None:
    spelt = CrfSettings.model_validate(CrfSettings().model_dump())
    assert candidates(spelt, CASED) == candidates(CrfSettings(), CASED)


def test_auto_does_not_vary_what_is_set() -> None:
    tried = candidates(CrfSettings(algorithm="auto", c2=7.0, features=("word", "shape"), thresholds=(0.5,)), CASED)
    assert {(choice.c2, choice.features, choice.thresholds) for choice in tried} == {(7.0, ("word", "shape"), (0.5,))}
    assert [choice.algorithm for choice in tried] == ["sgd", "lbfgs"]
    assert {choice.algorithm for choice in candidates(CrfSettings(algorithm="auto", c1=0.1), CASED)} == {"lbfgs"}


@pytest.mark.parametrize("set_", [{}, {"choose_by": "micro"}, {"algorithm": "auto", "c2": 0.5}, {"c1": 0.0}])
def test_dumped_settings_are_read_as_the_same(set_: dict[str, Any]) -> None:
    settings = CrfSettings.model_validate(set_)
    again = CrfSettings.model_validate(settings.model_dump(mode="json"))
    assert again.model_dump() == settings.model_dump()
    assert candidates(again, CASED) == candidates(settings, CASED)


def test_the_best_candidate_is_kept_and_all_are_recorded(tmp_path: Path) -> None:
    built = learn()
    trials = built.facts["trials"]
    assert len(trials) == len(candidates(CrfSettings(), small.CORPUS))
    best = max(trials, key=lambda trial: trial["macro_f1"])
    assert isinstance(built.tagger, CrfTagger)
    kept = built.tagger.settings.crf
    assert [best[name] for name in ("algorithm", "c1", "c2")] == [kept.algorithm, kept.c1, kept.c2]
    assert tuple(best["features"]) == kept.features
    assert built.tagger.threshold == best["threshold"]
    assert score(GOLD, built.tagger.tag(small.CORPUS)).fine.macro_f1 == best["macro_f1"]
    built.tagger.save(tmp_path / "model")
    assert coner.load(tmp_path / "model").settings.crf == kept  # type: ignore[attr-defined]


def test_the_settings_that_were_chosen_give_the_same_tagger() -> None:
    first = learn()
    again = learn(**first.tagger.settings.crf.model_dump())  # type: ignore[attr-defined]
    for tagger in (learn().tagger, again.tagger):
        assert isinstance(tagger, CrfTagger) and isinstance(first.tagger, CrfTagger)
        assert tagger.weights.features == first.tagger.weights.features
        assert (tagger.weights.values == first.tagger.weights.values).all()
        assert tagger.threshold == first.tagger.threshold


def test_much_text_is_compared_on_a_sample_and_trained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "MIN_SAMPLE", 8)
    assert len(small.CORPUS) > 8
    trials = learn().facts["trials"]
    assert [trial["sentences"] for trial in trials] == [8] * (len(trials) - 1) + [len(small.CORPUS)]
    best = max(trials[:-1], key=lambda trial: trial["macro_f1"])
    assert [best[name] for name in ("algorithm", "features", "c2")] == [
        trials[-1][name] for name in ("algorithm", "features", "c2")
    ]
    assert [trial["sentences"] for trial in learn(c2=1.0).facts["trials"]] == [len(small.CORPUS)]


def test_the_sample_is_a_fifth_between_bounds() -> None:
    assert [fit.sample_size(sentences) for sentences in (1001, 10_000, 1_000_000)] == [1000, 2000, 5000]


def test_choices_maximise_the_average_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def trial(tagger: CrfTagger, dev: object) -> dict[str, Any]:
        crf = tagger.settings.crf
        facts = crf.model_dump(include={"algorithm", "features", "c1", "c2", "min_frequency"})
        return {**facts, "threshold": None, "micro_f1": crf.c2, "macro_f1": -crf.c2}

    monkeypatch.setattr(fit, "_choose_threshold", trial)
    for average, c2 in (("micro", 1.0), ("macro", 0.05)):
        assert learn(choose_by=average).tagger.settings.crf.c2 == c2  # type: ignore[attr-defined]


def test_function_words_can_be_learned() -> None:
    built = learn(function_words="learned", features=("topic",))
    assert built.tagger.extractor.lexicon.function_words != fit.Lexicon().function_words  # type: ignore[attr-defined]


def test_trials_with_the_same_features_share_the_training_data() -> None:
    lines: list[str] = []
    settings = CrfExperiment.model_validate({"kind": "crf", "crf": {"trials": 2, "max_iterations": 3}})
    data = {"train": small.CORPUS, "dev": small.CORPUS, "taxonomy": small.TAXONOMY}
    built = fit.train(settings, **data, log=lines.append)  # type: ignore[arg-type]
    assert len(built.facts["trials"]) == 3
    assert [line.partition(" ")[2].partition(",")[0] for line in lines].count("sentences") == 1
    assert lines[-1].startswith("best by macro F1: sgd, c1 0, c2 ")
