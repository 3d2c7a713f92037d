"""Training the CRF on tiny corpora: it learns, it chooses on the validation part, and Ctrl-C leaves nothing."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from coner.core.errors import ConfigError, DataError, OutputError
from coner.core.progress import Log
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.evaluation.score import score
from coner.families.crf import fit as crf
from coner.families.crf.fit import Trained, train
from coner.families.crf.settings import CrfExperiment, CrfSettings

NAMES = {"Artist": ["nina simone", "prince", "miles davis"], "City": ["oslo", "new york", "rio de janeiro"]}
FRAMES = {
    "Artist": ["an album by {} was released", "{} sang"],
    "City": ["they moved to {} in spring", "{} has a harbour"],
}
TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": "", "Athlete": ""}, "Place": {"City": ""}})


def sentence(frame: str, name: str, label: str) -> Sentence:
    start = frame.split().index("{}")
    words = tuple(frame.replace("{}", name).split())
    return Sentence(words, (Entity(start, start + len(name.split()), label),))


CORPUS = [sentence(frame, name, label) for label in NAMES for frame in FRAMES[label] for name in NAMES[label]]
CORPUS += [Sentence(("nothing", "happened"), ()), Sentence(("\u200d", "a:b", "\x00", "x\ny"), ())]


def learn(**settings: object) -> Trained:
    values = {"c2": 0.01, "max_iterations": 30, "clusters": (4,), **settings}
    experiment = CrfExperiment(kind="crf", crf=CrfSettings.model_validate(values))
    return train(experiment, train=CORPUS, dev=CORPUS, taxonomy=TAXONOMY, log=Log())


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_learns_by_heart(scheme: str) -> None:
    tagger = learn(scheme=scheme).tagger
    assert tagger.tag(CORPUS) == [list(sentence.entities or ()) for sentence in CORPUS]
    assert tagger.labels == ("Artist", "City")  # the taxonomy's, as far as they occur


def test_finds_unseen_names_by_what_stands_around_them() -> None:
    tagger = learn(features=("neighbour",)).tagger
    texts = ("an album by zaz was released", "they moved to graz in spring")
    found = tagger.tag([Sentence(tuple(text.split())) for text in texts])
    assert found == [[Entity(3, 4, "Artist")], [Entity(3, 4, "City")]]


def test_same_settings_same_tagger() -> None:
    one, two = learn().tagger, learn().tagger
    assert one.weights.features == two.weights.features
    assert (one.weights.values == two.weights.values).all()


def test_settings_of_the_tagger_name_its_features() -> None:
    assert learn(features=("suffix", "word")).tagger.settings.crf.features == ("suffix", "word")
    assert len(learn().tagger.settings.crf.features) > 5


def test_best_threshold_is_kept() -> None:
    trained = learn(thresholds=(0.999999, 0.3, 0.000001), max_iterations=5)
    [trial] = trained.trials
    assert trained.tagger.threshold == trial.threshold == 0.3
    gold = [sentence.entities or () for sentence in CORPUS]
    assert trial.macro_f1 == score(gold, trained.tagger.tag(CORPUS)).fine.macro_f1


def test_without_thresholds_the_best_path_is_taken() -> None:
    tagger = learn(thresholds=()).tagger
    assert tagger.threshold is None
    assert tagger.tag(CORPUS) == [list(sentence.entities or ()) for sentence in CORPUS]


def test_algorithms_come_to_the_same() -> None:
    """Both maximise one concave function, so that far from the data too they say the same."""
    tagger = learn(algorithm="sgd", c2=1.0, max_iterations=300).tagger
    text = [Sentence(("an", "album", "by", "zaz", "in", "oslo"))]
    spans = tagger.spans(text, least=0.01)
    reference = learn(algorithm="lbfgs", c2=1.0, max_iterations=300).tagger
    expected = reference.spans(text, least=0.01)
    assert [(e, e.score) for e in spans[0]] == [(e, pytest.approx(e.score, abs=0.05)) for e in expected[0]]


def test_trials_keep_the_best_and_report_every_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crf, "C1", (0.001, 50.0))
    monkeypatch.setattr(crf, "C2", (0.001, 100.0))
    trained = learn(trials=4, algorithm="lbfgs", c1=200.0, thresholds=(0.5,))
    gold = [sentence.entities or () for sentence in CORPUS]
    reached = [trial.macro_f1 for trial in trained.trials]
    assert len(reached) == 5
    assert trained.trials[0].c1 == 200.0
    assert reached[0] < max(reached)
    assert score(gold, trained.tagger.tag(CORPUS)).fine.macro_f1 == max(reached)
    best = max(trained.trials, key=lambda trial: trial.macro_f1)
    kept = trained.tagger.settings.crf
    assert (kept.c1, kept.c2, kept.min_frequency) == (best.c1, best.c2, best.min_frequency)


def test_rare_features_are_dropped_where_asked() -> None:
    assert learn(min_frequency=4).trials[0].weights < learn().trials[0].weights


def test_interrupt_ends_the_training_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, own_temporary_folder: Path
) -> None:
    seen = []

    def interrupt(self: object) -> None:
        seen.append(len(list(own_temporary_folder.iterdir())))
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(crf._Fitter, "_iteration", interrupt)
    with pytest.raises(KeyboardInterrupt):
        learn(max_iterations=1000)
    assert seen == [1, 1, 1]
    assert list(own_temporary_folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"lCRF\xff\xff\0\0" + b"\0" * 100])
def test_model_cut_short_by_a_full_disk_never_reaches_crfsuite(content: bytes, tmp_path: Path) -> None:
    model, dump = tmp_path / "model", tmp_path / "dump"
    model.write_bytes(content)
    with pytest.raises(OSError, match="cut short"):
        crf._dump(model, dump)
    assert not dump.exists()


def test_listing_cut_short_by_a_full_disk_is_noticed(tmp_path: Path) -> None:
    listing = "TRANSITIONS = {\n  (1) 0 --> 1: 0.5\n}\n\nSTATE_FEATURES = {\n  (0) 0 --> 1: 2.000000\n}\n\n"
    (tmp_path / "dump").write_text(listing)
    weights = crf._read_dump(tmp_path / "dump", ["word=a"], 3)
    assert (weights.features, weights.tags.tolist(), weights.values.tolist()) == (("word=a",), [1], [2.0])
    assert weights.transitions.tolist() == [[0, 0.5, 0], [0, 0, 0], [0, 0, 0]]
    for size in (len(listing) - 4, len(listing) - 10, 3):
        (tmp_path / "dump").write_text(listing[:size])
        with pytest.raises(OSError, match="cut short"):
            crf._read_dump(tmp_path / "dump", ["word=a"], 3)


def test_full_disk_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, own_temporary_folder: Path) -> None:
    def fail(model: Path, dump: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(crf, "_dump", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        learn()
    assert list(own_temporary_folder.iterdir()) == []


def test_text_without_entities_is_refused() -> None:
    unlabelled = [Sentence(sentence.words) for sentence in CORPUS]
    with pytest.raises(DataError, match="no entity"):
        train(CrfExperiment(kind="crf"), train=unlabelled, dev=CORPUS, taxonomy=TAXONOMY, log=Log())


def test_unknown_feature_ends_it_before_anything_is_learned() -> None:
    with pytest.raises(ConfigError, match=r"crf\.features: got 'sufix'"):
        learn(features=("sufix",))


def test_label_outside_the_taxonomy_is_named() -> None:
    with pytest.raises(DataError, match="label 'City' that taxonomy flat lacks"):
        train(CrfExperiment(kind="crf"), train=CORPUS, dev=CORPUS, taxonomy=Taxonomy.flat(["Artist"]), log=Log())
