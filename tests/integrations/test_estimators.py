"""The estimators in scikit-learn, with ``coner train`` as the oracle of what they learn."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, cross_val_score

from coner.cli.app import run
from coner.core.errors import ConfigError, DataError
from coner.core.files import atomic_write
from coner.core.progress import SilentLog
from coner.core.tags import tags_from_entities
from coner.core.types import Sentence
from coner.data import read, write_conll
from coner.data.splits import SplitCache
from coner.families import load
from coner.integrations.sklearn import CrfEstimator, EncoderEstimator
from coner.runs.choice import settings_for
from helpers.small import CORPUS, SETTINGS

X = [list(sentence.words) for sentence in CORPUS]
Y = [tags_from_entities(sentence.entities or (), len(sentence)) for sentence in CORPUS]
FAST = {**SETTINGS, "thresholds": ()}
ENCODER: dict[str, Any] = {
    "head": {"dropout": 0.0},
    "train": {"epochs": 2, "batch": 4, "precision": "float32", "device": "cpu"},
}


def crf(**changes: Any) -> CrfEstimator:
    return CrfEstimator(**{"crf": FAST, "dev_share": 0.2, **changes})


def trained_by_command(folder: Path, config: str, share: float) -> list[list[str]]:
    """Tags that a model predicts for the corpus on which ``coner train`` has trained it."""
    with atomic_write(folder / "train.conll") as handle:
        write_conll(CORPUS, handle)
    (folder / "a.toml").write_text(config)
    changes = [f"data.train={folder / 'train.conll'}", f"data.dev_share={share}"]
    options = [option for change in changes for option in ("--set", change)]
    assert run(["train", str(folder / "a.toml"), *options, "--out", str(folder / "run")]) == 0
    predicted = load(folder / "run").tag(read(folder / "train.conll"))
    return [tags_from_entities(entities, len(words)) for entities, words in zip(predicted, X, strict=True)]


def test_crf_equals_that_of_coner_train(tmp_path: Path) -> None:
    config = 'kind = "crf"\nseed = 3\n[crf]\nc2 = 0.5\nmax_iterations = 3\nclusters = [4]\n'
    expected = trained_by_command(tmp_path, config, 0.3)
    settings = {"c2": 0.5, "max_iterations": 3, "clusters": [4]}
    estimator = CrfEstimator(crf=settings, seed=3, dev_share=0.3).fit(X, Y)
    assert estimator.predict(X) == expected
    assert any("B-" in tag for tags in expected for tag in tags)
    assert estimator.tagger_.tag(CORPUS) == load(tmp_path / "run").tag(CORPUS)
    assert estimator.tagger_.threshold == load(tmp_path / "run").threshold
    assert estimator.labels_ == ("Artist", "City")


def test_encoder_equals_that_of_coner_train(tmp_path: Path, tiny_encoder: Callable[[str], Path]) -> None:
    encoder = tiny_encoder("mbert")
    config = (
        f'kind = "encoder"\nseed = 5\n[encoder]\nname = "{encoder}"\n[head]\ndropout = 0.0\ndecoder = "crf"\n'
        '[train]\nepochs = 6\nbatch = 4\nprecision = "float32"\ndevice = "cpu"\n'
        "groups.encoder.rate = 3e-3\ngroups.head.rate = 1e-2\n"
    )
    expected = trained_by_command(tmp_path, config, 0.3)
    assert any("B-" in tag for tags in expected for tag in tags)
    estimator = EncoderEstimator(**ENCODER, encoder={"name": str(encoder)}, dev_share=0.3, seed=5)
    estimator.set_params(head__decoder="crf", train__epochs=6, train__groups__head__rate=1e-2)
    estimator.set_params(train__groups__encoder={"rate": 3e-3})
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    assert estimator.fit(X, Y).predict(X) == expected
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # a search draws from these generators
    scores = [[entity.score for entity in entities] for entities in estimator.tagger_.tag(CORPUS)]
    assert scores == [[entity.score for entity in entities] for entities in load(tmp_path / "run").tag(CORPUS)]


def test_settings_that_are_not_set_are_those_of_coner_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with atomic_write(tmp_path / "train.conll") as handle:
        write_conll(CORPUS, handle)
    data = {"train": str(tmp_path / "train.conll"), "dev_share": 0.3}
    fitted: list[Any] = []

    def keep(recipe: Any, log: Any) -> Any:
        fitted.append(recipe)
        return SimpleNamespace(labels=())

    monkeypatch.setattr("coner.integrations.sklearn.fit", keep)
    for train in (None, {"batch": 2}, {"epochs": 5}, {"groups": {"encoder": {"rate": 0.5}}}):
        EncoderEstimator(train=train, dev_share=0.3).fit(X, Y)
        values = {"kind": "encoder", "seed": 42, "data": data, **({"train": train} if train else {})}
        expected = settings_for(values, SplitCache().train, source="train", log=SilentLog())
        assert fitted[-1].settings.train == expected.train
    assert len({recipe.settings.train.model_dump_json() for recipe in fitted}) == 4
    assert fitted[0].settings.train.epochs > 100  # few sentences get enough steps


def test_equal_seeds_give_equal_taggers() -> None:
    one, two = (crf(crf={**FAST, "max_iterations": 3}).fit(X, Y).tagger_ for _ in range(2))
    assert one.weights.values.tobytes() == two.weights.values.tobytes()


def test_sentences_and_lists_give_equal_results() -> None:
    assert crf().fit(CORPUS).predict(X) == crf().fit(X, Y).predict(CORPUS)
    assert crf().fit(CORPUS).score(CORPUS) == crf().fit(X, Y).score(X, Y) > 0.5


def test_dev_split_can_be_passed() -> None:
    estimator = crf().fit(X[:8], Y[:8], dev=(X, Y))
    again = crf(dev_share=0.9).fit(CORPUS[:8], dev=(CORPUS, None))
    assert estimator.predict(X) == again.predict(X)


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_tags_in_either_scheme(scheme: Any) -> None:
    tags = [tags_from_entities(sentence.entities or (), len(sentence), scheme) for sentence in CORPUS]
    predicted = crf(scheme=scheme).fit(X, tags, dev=(X, tags)).predict(X)
    assert predicted == tags  # memorised


def test_score_equals_seqeval_if_every_class_is_in_gold() -> None:
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOB2

    weak = {"crf": {**FAST, "max_iterations": 1, "features": ["suffix"]}}
    for average in ("macro", "micro"):
        estimator = crf(**weak, average=average).fit(X[::2], Y[::2])
        expected = f1_score(Y, estimator.predict(X), average=average, mode="strict", scheme=IOB2)
        assert estimator.score(X, Y) == pytest.approx(expected)
        assert 0 < expected < 1


@pytest.mark.parametrize("tags", [Y, None])
def test_cross_validation_equals_a_loop_over_folds(tags: Any) -> None:
    words: Any = X if tags else CORPUS
    folds = KFold(3, shuffle=True, random_state=0)
    scores = cross_val_score(crf(), words, tags, cv=folds)
    expected = []
    for train, test in folds.split(CORPUS):
        model = crf().fit([CORPUS[i] for i in train])
        expected.append(model.score([CORPUS[i] for i in test]))
    assert scores.tolist() == expected
    assert 0 < scores.mean() <= 1


def test_searches_choose_the_best_candidate() -> None:
    folds = KFold(3, shuffle=True, random_state=0)
    grid = {"crf__max_iterations": [1, 30], "crf__features": [["position"], ["word", "neighbour"]]}
    search = GridSearchCV(crf(), grid, cv=folds).fit(X, Y)
    expected = {
        (rounds, features): cross_val_score(
            crf(crf={**FAST, "max_iterations": rounds, "features": features.split()}), X, Y, cv=folds
        ).mean()
        for rounds in (1, 30)
        for features in ("position", "word neighbour")
    }
    chosen = search.best_params_["crf__max_iterations"], search.best_params_["crf__features"]
    assert (
        search.best_score_
        == max(expected.values())
        == expected[chosen[0], " ".join(chosen[1])]
        > min(expected.values())
    )
    fitted = search.best_estimator_.tagger_.settings.crf
    assert (fitted.max_iterations, list(fitted.features)) == chosen
    drawn = RandomizedSearchCV(
        crf(), {"crf__max_iterations": np.arange(2, 5), "crf__c2": np.geomspace(0.1, 1, 3)}, n_iter=1, cv=2
    )
    assert drawn.fit(CORPUS).best_params_["crf__max_iterations"] in (2, 3, 4)  # drawn as numpy scalars


def test_parameters_and_clones() -> None:
    section = {"c2": 0.5}
    estimator = CrfEstimator(crf=section, average="micro")
    assert estimator.get_params(deep=False)["crf"] is section
    assert estimator.get_params()["crf__c2"] == 0.5
    copied = clone(estimator)
    assert copied.get_params() == estimator.get_params()
    copied.set_params(crf__c2=2.0, crf__clusters=[], seed=7)
    assert (copied.crf, copied.seed) == ({"c2": 2.0, "clusters": []}, 7)
    assert section == {"c2": 0.5}  # not changed
    copied.set_params(crf=None, crf__c1=0.0)
    assert copied.crf == {"c1": 0.0}
    assert repr(estimator) == "CrfEstimator(average='micro', crf={'c2': 0.5})"
    assert not hasattr(clone(crf().fit(X, Y)), "tagger_")
    with pytest.raises(ValueError, match="Invalid parameter 'nope'"):
        estimator.set_params(nope=1)


def test_predict_needs_a_fit() -> None:
    for use in (lambda: crf().predict(X), lambda: crf().score(X, Y)):
        with pytest.raises(NotFittedError):
            use()


@pytest.mark.parametrize(
    ("words", "tags", "message"),
    [
        (["miles davis sang"], [["O"]], r"X\[0\]: got a single string; expected a list of words"),
        ([["a", ""]], [["O", "O"]], r"X\[0\]: got '' as a word"),
        ([["a", 3]], [["O", "O"]], r"X\[0\]: got 3 as a word"),
        ([["a"]], [["O"], ["O"]], "y: got 2 lists of tags; expected 1, as X has sentences"),
        ([["a"], ["b", "c"]], [["O"], ["O"]], r"y\[1\]: got 1 tags; expected 2, as X\[1\] has words"),
        ([["a", "b"]] * 2, [["O", "I-City"], ["B-City", "O"]], r"y\[0\]\[1\]: tag 'I-City' after O is not valid iob2"),
        (
            [["a", "b"]] * 11,
            [["X-City", "Y-Z-W"]] * 11,
            r"y: got tags 'X-City' 11, 'Y-Z-W' 11.*Fix: name the scheme of y",
        ),
        ([["a", "b"]], [[0, 1]], r"^y\[0\]\[0\]: got 0; expected tags such as B-City$"),
        ([["a", "b"]], [["O", None]], r"^y\[0\]\[1\]: got None; expected tags such as B-City$"),
        ([["a", "b"]], np.array([[1.5, 2]]), r"^y\[0\]\[0\]: got .*1\.5.*; expected tags such as B-City$"),
        ([["a", "b"]], [None], r"^y\[0\]: got None; expected a list of tags, such as B-City$"),
        ([["a", "b"]], ["OO"], r"^y\[0\]: got 'OO'; expected a list of tags"),
        ([["a", "b"]], 5, "^y: got 5; expected a list of tags per sentence$"),
        ([1.5], [["O"]], r"^X\[0\]: got 1\.5; expected a list of words, or a Sentence$"),
        (None, [["O"]], "^X: got None; expected a list of sentences$"),
        ([["a", "\ud83d"]], [["O", "O"]], r"^Sentence: word 1: got .*a lone surrogate"),
        ([["a"]], None, r"X\[0\]: got no labels; expected tags as y, or Sentences with entities"),
        ([["a"], ["b"]], [["O"], ["O"]], "got no entity in any sentence"),
        ([], [], "got no entity in any sentence"),
        (
            [["a"]],
            [["B-City"]],
            r"got 1 sentence, of which dev_share=0.2 are needed as dev split; expected more",
        ),
    ],
)
def test_data_errors(words: Any, tags: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        crf().fit(words, tags)


def test_labels_outside_the_taxonomy_are_refused() -> None:
    with pytest.raises(DataError, match="got label 'City'; expected one of taxonomy wnut17"):
        crf(taxonomy="wnut17").fit([["a"], ["b"]], [["B-City"], ["O"]])
    with pytest.raises(DataError, match=r"dev: expected a pair \(X, y\)"):
        crf().fit(X, Y, dev=CORPUS)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="got label 'Zoo'; expected one of taxonomy wnut17"):
        crf(taxonomy="wnut17").fit([["a"], ["b"]], [["B-person"], ["O"]], dev=([["a"]], [["B-Zoo"]]))


def test_classes_that_only_dev_has_are_missed(capsys: pytest.CaptureFixture[str]) -> None:
    estimator = crf(verbose=1).fit(X, Y, dev=([*X, ["a", "zoo"]], [*Y, ["O", "B-Zoo"]]))
    assert estimator.labels_ == ("Artist", "City")
    assert estimator.predict(X) == Y
    warning = "dev: Warning: 1 mention can only be missed, of classes that the training data lacks: Zoo 1"
    assert warning in " ".join(capsys.readouterr().err.split())
    assert estimator.score([*X, ["a", "zoo"]], [*Y, ["O", "B-Zoo"]]) == pytest.approx(2 / 3)  # macro F1: it is in gold


@pytest.mark.parametrize(
    ("letters", "written"),
    [({}, "bioes"), ({"E": "L", "S": "U"}, "bioes"), ({"I": "M"}, "bioes"), ({"B": "I", "E": "I", "S": "I"}, "iob2")],
)
def test_the_scheme_of_y_is_recognised(letters: dict[str, str], written: Any) -> None:
    tags = [tags_from_entities(sentence.entities or (), len(sentence), "bioes") for sentence in CORPUS]
    spelled = [np.array([letters.get(tag[0], tag[0]) + tag[1:] for tag in row]) for row in tags]
    estimator = crf().fit(X, spelled, dev=(X, spelled))
    expected = [tags_from_entities(sentence.entities or (), len(sentence), written) for sentence in CORPUS]
    assert estimator.predict(X) == expected
    assert (estimator.scheme_, estimator.score(X, spelled)) == (written, 1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crf": {"c3": 1}}, "CrfEstimator: crf.c3: no such setting; expected one of: .*c2"),
        ({"crf": {"c2": -1}}, "CrfEstimator: crf.c2: input should be greater than or equal to 0, got -1"),
        ({"crf": {"features": ["sufix"]}}, "got 'sufix'"),
        ({"average": "weighted"}, "average: got 'weighted'; expected macro or micro"),
        ({"scheme": "iob3"}, "scheme: got 'iob3'; expected auto, iob2, iob1, bioes, bilou, bmes or io"),
        ({"crf": 5}, "CrfEstimator: crf: input should be a valid dictionary"),
        ({"dev_share": 1.5}, "data.dev_share: input should be less than 1"),
    ],
)
def test_settings_errors(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        crf(**changes).fit(X, Y)


def test_training_is_logged_only_if_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    crf().fit(X, Y)
    assert capsys.readouterr() == ("", "")
    crf(verbose=1).fit(X, Y)
    assert "features, 2 labels" in capsys.readouterr().err


def test_fitted_tagger_can_be_saved(tmp_path: Path) -> None:
    estimator = crf().fit(X, Y, dev=(X, Y))
    estimator.tagger_.save(tmp_path / "model")
    assert [m.text for m in load(tmp_path / "model")("prince sang")] == ["prince"]
    assert estimator.predict([Sentence(("prince", "sang"))]) == [["B-Artist", "O"]]
    assert estimator.predict([[], ["prince"]])[0] == []
