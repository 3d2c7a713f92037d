"""Training of the CRF on a tiny corpus: fitting, choices on dev, Ctrl-C, and a full disk."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from coner.core.errors import ConfigError, DataError, OutputError
from coner.core.progress import Log
from coner.core.types import Entity, Region, Sentence
from coner.data.taxonomy import Taxonomy
from coner.evaluation.score import score
from coner.families.crf import candidates, crfsuite
from coner.families.crf.fit import train
from coner.families.crf.settings import CrfExperiment, CrfSettings
from coner.families.family import Built
from helpers import small

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": "", "Athlete": ""}, "Place": {"City": ""}})
CORPUS = [*small.CORPUS, Sentence(("nothing", "happened"), ()), Sentence(("\u200d", "a:b", "\x00", "x\ny"), ())]
GOLD = [list(sentence.entities or ()) for sentence in CORPUS]


def learn(**settings: object) -> Built:
    values = {"c2": 0.01, "max_iterations": 30, "clusters": (4,), **settings}
    experiment = CrfExperiment(kind="crf", crf=CrfSettings.model_validate(values))
    return train(experiment, train=CORPUS, dev=CORPUS, taxonomy=TAXONOMY, log=Log())


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_a_tiny_corpus_can_be_memorised(scheme: str) -> None:
    tagger = learn(scheme=scheme).tagger
    assert tagger.tag(CORPUS) == GOLD
    assert tagger.labels == ("Artist", "City")  # those of the taxonomy that occur


def test_one_training_sentence_gives_a_model_with_its_weights() -> None:
    """Gradient descent stops early there, with weights far below those that are dropped otherwise."""
    shop, clean = ["walk-shop", "walk", "walk-clean"], ["shop-clean", "clean-walk", "clean-shop"]
    words = [*shop, *clean, "walk-shop", "nothing", "clean"]
    labels = ["Artist"] * 3 + ["City"] * 3 + ["Artist"] * 2 + ["City"]
    sentence = Sentence(tuple(words), tuple(Entity(i, i + 1, label) for i, label in enumerate(labels)))
    crf = CrfSettings(
        algorithm="sgd", features=("word", "neighbour"), clusters=(), thresholds=(), c2=0.01, max_iterations=50
    )
    settings = CrfExperiment(kind="crf", crf=crf)
    tagger = train(settings, train=[sentence], dev=[sentence], taxonomy=TAXONOMY, log=Log()).tagger
    assert tagger.tag([sentence]) == [list(sentence.entities or ())]


def test_unseen_names_are_found_by_their_context() -> None:
    tagger = learn(features=("neighbour",)).tagger
    texts = ("an album by zaz was released", "they moved to graz in spring")
    predicted = tagger.tag([Sentence(tuple(text.split())) for text in texts])
    assert predicted == [[Entity(3, 4, "Artist")], [Entity(3, 4, "City")]]


def test_training_is_reproducible() -> None:
    one, two = learn().tagger, learn().tagger
    assert one.weights.features == two.weights.features
    assert (one.weights.values == two.weights.values).all()


def test_settings_of_the_tagger_list_its_features() -> None:
    assert learn(features=("suffix", "word")).tagger.settings.crf.features == ("suffix", "word")
    assert len(learn().tagger.settings.crf.features) > 5


def test_the_best_threshold_is_kept() -> None:
    trained = learn(thresholds=(0.999999, 0.3, 0.000001), max_iterations=5)
    [trial] = trained.facts["trials"]
    assert trained.tagger.threshold == trial["threshold"] == 0.3
    assert trial["macro_f1"] == score(GOLD, trained.tagger.tag(CORPUS)).fine.macro_f1


def test_without_thresholds_the_best_path_is_predicted() -> None:
    tagger = learn(thresholds=()).tagger
    assert tagger.threshold is None
    assert tagger.tag(CORPUS) == GOLD


def test_both_algorithms_reach_the_same_maximum() -> None:
    """Both maximise one concave function, so that they agree on unseen text too."""
    tagger = learn(algorithm="sgd", c2=1.0, max_iterations=300).tagger
    text = [Sentence(("an", "album", "by", "zaz", "in", "oslo"))]
    spans = tagger.likely_spans(text, 0.01)
    reference = learn(algorithm="lbfgs", c2=1.0, max_iterations=300).tagger
    expected = reference.likely_spans(text, 0.01)
    assert [(e, e.score) for e in spans[0]] == [(e, pytest.approx(e.score, abs=0.05)) for e in expected[0]]


def test_trials_keep_the_best_and_list_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "C1", (0.001, 50.0))
    monkeypatch.setattr(candidates, "C2", (0.001, 100.0))
    trained = learn(trials=4, algorithm="lbfgs", c1=200.0, thresholds=(0.5,))
    reached = [trial["macro_f1"] for trial in trained.facts["trials"]]
    assert len(reached) == 5
    assert trained.facts["trials"][0]["c1"] == 200.0
    assert reached[0] < max(reached)
    assert score(GOLD, trained.tagger.tag(CORPUS)).fine.macro_f1 == max(reached)
    best = max(trained.facts["trials"], key=lambda trial: trial["macro_f1"])
    kept = trained.tagger.settings.crf
    assert (kept.c1, kept.c2, kept.min_frequency) == (best["c1"], best["c2"], best["min_frequency"])


def test_min_frequency_drops_rare_features() -> None:
    [rare], [every] = (learn(**options).facts["trials"] for options in ({"min_frequency": 4}, {}))
    assert rare["weights"] < every["weights"]


def test_ctrl_c_stops_training_and_removes_temporary_files(
    monkeypatch: pytest.MonkeyPatch, own_temporary_folder: Path
) -> None:
    seen = []

    def interrupt(self: object, message: str) -> None:
        if "Epoch #" in message:
            seen.append(len(list(own_temporary_folder.iterdir())))
            if len(seen) == 3:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(crfsuite._Trainer, "message", interrupt)
    with pytest.raises(KeyboardInterrupt):
        learn(max_iterations=1000)
    assert seen == [1, 1, 1]
    assert list(own_temporary_folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"lCRF\xff\xff\0\0" + b"\0" * 100])
def test_a_truncated_model_is_not_opened(content: bytes, tmp_path: Path) -> None:
    model, dump = tmp_path / "model", tmp_path / "dump"
    model.write_bytes(content)
    with pytest.raises(OSError, match="truncated"):
        crfsuite._dump(model, dump)
    assert not dump.exists()


def test_a_truncated_listing_is_an_error(tmp_path: Path) -> None:
    listing = "TRANSITIONS = {\n  (1) 0 --> 1: 0.5\n}\n\nSTATE_FEATURES = {\n  (0) 0 --> 1: 2.000000\n}\n\n"
    (tmp_path / "dump").write_text(listing)
    weights = crfsuite._read_dump(tmp_path / "dump", ["word=a"], 3)
    assert (weights.features, weights.tags.tolist(), weights.values.tolist()) == (("word=a",), [1], [2.0])
    assert weights.transitions.tolist() == [[0, 0.5, 0], [0, 0, 0], [0, 0, 0]]
    for size in (len(listing) - 4, len(listing) - 10, 3):
        (tmp_path / "dump").write_text(listing[:size])
        with pytest.raises(OSError, match="truncated"):
            crfsuite._read_dump(tmp_path / "dump", ["word=a"], 3)


def test_a_full_disk_is_an_output_error(monkeypatch: pytest.MonkeyPatch, own_temporary_folder: Path) -> None:
    def fail(model: Path, dump: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(crfsuite, "_dump", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        learn()
    assert list(own_temporary_folder.iterdir()) == []


def test_sentences_without_entities_are_an_error() -> None:
    unlabelled = [Sentence(sentence.words) for sentence in CORPUS]
    with pytest.raises(DataError, match="without an entity"):
        train(CrfExperiment(kind="crf"), train=unlabelled, dev=CORPUS, taxonomy=TAXONOMY, log=Log())


def test_an_unknown_feature_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"crf\.features: got 'sufix'"):
        learn(features=("sufix",))


def test_a_label_outside_the_taxonomy_is_an_error() -> None:
    with pytest.raises(DataError, match="label 'City'; expected labels of taxonomy flat"):
        train(CrfExperiment(kind="crf"), train=CORPUS, dev=CORPUS, taxonomy=Taxonomy.flat(["Artist"]), log=Log())


def test_sentences_with_sets_of_labels_are_labelled_by_a_first_crf_then_learned_from() -> None:
    """A word that only they have is an artist or a city; it stands where the others have a city."""
    words = ("she", "went", "to", "gronk")
    complete = [Sentence(("she", "went", "to", name), (Entity(3, 4, "City"),)) for name in ("paris", "rome", "oslo")]
    complete += [Sentence((name, "sang"), (Entity(0, 1, "Artist"),)) for name in ("adele", "cher", "sting")]
    sets = Sentence(words, (), regions=(Region(3, 4, frozenset(["Artist", "City"]), whole=True),))
    lines: list[str] = []
    experiment = CrfExperiment(kind="crf", crf=CrfSettings(c2=0.01, max_iterations=30, clusters=()))
    built = train(experiment, train=[*complete, sets], dev=complete, taxonomy=TAXONOMY, log=lines.append)
    assert built.tagger.tag([Sentence(words)]) == [[Entity(3, 4, "City")]]
    assert "step 1 of 2" in lines[0]
    assert "to label 1 sentence with sets of labels" in lines[0]
    assert [trial["sentences"] for trial in built.facts["first_step"]["trials"]] == [6]
    assert [trial["sentences"] for trial in built.facts["trials"]] == [7]
