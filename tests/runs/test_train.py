"""``coner.train``: the run of ``coner train`` on files, sentences and frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import coner
from coner.core.errors import ConfigError, DataError, MissingExtra
from coner.core.types import Entity, Sentence
from coner.data import write_conll
from coner.families.encoder import suitability
from coner.records.record import read_record
from coner.runs import choice
from helpers.shell import Completed
from helpers.small import CORPUS, SETTINGS

Coner = Callable[..., Completed]


@pytest.fixture(name="cli")
def command_line(request: pytest.FixtureRequest) -> Coner:
    call: Coner = request.getfixturevalue("coner")
    return call


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "train.conll"
    with file.open("w", encoding="utf-8", newline="") as handle:
        write_conll(CORPUS, handle)
    return file


def weights(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("weights.npz", "features.json", "lexicon.json")]


def test_a_path_is_trained_by_the_same_run_as_the_command(cli: Coner, path: Path, tmp_path: Path) -> None:
    tagger = coner.train(path, path, family="crf", out=tmp_path / "python", crf=SETTINGS, seed=7)
    config = tmp_path / "crf.toml"
    config.write_text('kind = "crf"\nseed = 7\n[crf]\nc2 = 0.01\nmax_iterations = 30\nclusters = []\n')
    files = ("--set", f"data.train={path}", "--set", f"data.dev={path}")
    assert cli("train", config, *files, "--out", tmp_path / "command").code == 0
    ours, theirs = read_record(tmp_path / "python"), read_record(tmp_path / "command")
    assert (ours.fingerprint, ours.scores, ours.data) == (theirs.fingerprint, theirs.scores, theirs.data)
    assert (ours.name, ours.scores["dev"].fine.micro_f1) == ("python", 1.0)
    assert weights(tmp_path / "python") == weights(tmp_path / "command")
    assert tagger.tag(CORPUS) == coner.load(tmp_path / "command").tag(CORPUS)
    done = cli("train", config, *files, "--out", tmp_path / "python")
    assert (done.code, "already finished" in done.err) == (0, True)


def test_sentences_a_path_and_a_frame_give_the_same_tagger(path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    tags = [["O"] * len(sentence) for sentence in CORPUS]
    for row, sentence in zip(tags, CORPUS, strict=True):
        for entity in sentence.entities or ():
            row[entity.start : entity.end] = [
                f"B-{entity.label}",
                *[f"I-{entity.label}"] * (entity.end - entity.start - 1),
            ]
    frame = pandas.DataFrame({"tokens": [list(sentence.words) for sentence in CORPUS], "ner_tags": tags})
    sources: list[Any] = [str(path), CORPUS, coner.read(path), frame]
    taggers = [coner.train(source, source, family="crf", crf=SETTINGS) for source in sources]
    assert all(tagger.tag(CORPUS) == taggers[0].tag(CORPUS) for tagger in taggers)
    assert [len(row) for row in taggers[0].tag(CORPUS)] == [1] * len(CORPUS)


def test_without_out_nothing_is_kept(path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = sorted(tmp_path.rglob("*"))
    tagger = coner.train(CORPUS, CORPUS, family="crf", crf__c2=0.01, crf__max_iterations=30, crf__clusters=[])
    assert sorted(tmp_path.rglob("*")) == before
    assert capfd.readouterr() == ("", "")
    assert [mention.text for mention in tagger("prince sang")] == ["prince"]
    tagger.save(tmp_path / "model")
    assert coner.load(tmp_path / "model").tag(CORPUS) == tagger.tag(CORPUS)


def test_without_dev_a_fraction_is_split_off_by_text(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    coner.train(CORPUS, family="crf", out=out, data__dev_share=0.25, crf=SETTINGS)
    data = read_record(out).data
    assert (data["train"].sentences, data["dev"].sentences) == (9, 3)
    coner.train(path, family="crf", out=tmp_path / "path", data__dev_share=0.25, crf=SETTINGS)
    assert weights(out) == weights(tmp_path / "path")
    with pytest.raises(DataError, match=r"got 1 sentence, of which dev_share=0\.1 are needed as dev split"):
        coner.train(CORPUS[:1], family="crf")


def test_a_run_of_sentences_is_finished_once(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"family": "crf", "out": tmp_path / "run", "crf": SETTINGS}
    coner.train(CORPUS, CORPUS, **arguments)
    before = (tmp_path / "run/record.json").read_bytes()
    coner.train(CORPUS, CORPUS, **arguments)
    assert (tmp_path / "run/record.json").read_bytes() == before
    for change in ({"seed": 7}, {"train": CORPUS[:-1]}):
        with pytest.raises(ConfigError, match="contains a finished run with other settings or data"):
            coner.train(**{"train": CORPUS, "dev": CORPUS, **arguments, **change})


def test_sentences_are_also_scored_with_typos(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"family": "crf", "out": tmp_path / "run", "crf": SETTINGS}
    coner.train(CORPUS, CORPUS, **arguments, data__noise__score=True)
    scores = read_record(tmp_path / "run").scores
    assert set(scores) == {"dev", "dev_noisy"}
    assert scores["dev_noisy"].fine.micro_f1 < scores["dev"].fine.micro_f1


def test_the_scheme_of_the_settings_applies_to_every_source(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    rows = [(["nina", "simone", "sang"], ["B-Artist", "E-Artist", "O"]), (["prince", "sang"], ["S-Artist", "O"])]
    frame = pandas.DataFrame(rows, columns=["tokens", "ner_tags"])
    path = tmp_path / "bioes.conll"
    lines = (f"{word} {tag}\n" for words, tags in rows for word, tag in zip([*words, ""], [*tags, ""], strict=True))
    path.write_text("".join(line if line.strip() else "\n" for line in lines))
    for source in (frame, path):
        tagger = coner.train(source, source, family="crf", data__scheme="bioes", crf=SETTINGS)
        assert [m.text for m in tagger("nina simone sang")] == ["nina simone"]


def test_an_encoder_is_trained_with_a_setting_of_a_section(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    encoder = {"name": str(tiny_encoder("mbert"))}
    out = tmp_path / "run"
    tagger = coner.train(CORPUS, CORPUS, family="encoder", out=out, encoder=encoder, train__epochs=1, seed=3)
    record = read_record(out)
    assert (tagger.kind, record.settings["train"]["epochs"], len(record.history), record.seed) == ("encoder", 1, 1, 3)


def test_the_family_is_chosen_as_by_the_command(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[str] = []

    def stop(values: dict[str, Any], *_: object) -> Any:
        kinds.append(values["kind"])
        raise MissingExtra("x", "y")

    monkeypatch.setattr(choice, "parse_trainable", stop)
    for found in (None, object()):
        monkeypatch.setattr(suitability, "find_spec", lambda _name, found=found: found)
        for source in (path, str(path), CORPUS):
            with pytest.raises(MissingExtra):
                coner.train(source)
    with pytest.raises(MissingExtra):
        coner.train(CORPUS, crf__c2=0.1)
    assert kinds == ["crf"] * 3 + ["encoder"] * 3 + ["crf"]


def test_the_choice_is_printed_where_the_run_is_kept(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coner.train(path, path, out=tmp_path / "run", crf=SETTINGS)
    assert capsys.readouterr().err.startswith("family crf, because [crf] is set; others: encoder, span\nrun: train 12 ")
    coner.train(path, path, crf=SETTINGS)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("extra", [{"file": "x.conll"}]),
        ("union", [{"train": "x.conll"}]),
        ("dev", "x.conll"),
        ("test", "x.conll"),
        ("take", 4),
    ],
)
def test_settings_that_need_files_are_refused_for_sentences(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"data\.{key}: got a value; expected none with sentences in memory"):
        coner.train(CORPUS, family="crf", crf=SETTINGS, **{f"data__{key}": value})


def test_a_config_is_trained_by_name_or_path(path: Path, tmp_path: Path) -> None:
    files = {"data__train": str(path), "data__dev": str(path)}
    coner.train("crf", out=tmp_path / "name", crf=SETTINGS, **files)
    config = tmp_path / "mine.toml"
    config.write_text('kind = "crf"\n[crf]\nclusters = []\n')
    coner.train(config, path, out=tmp_path / "path", data__train=path, crf__c2=0.01, crf__max_iterations=30)
    name, own = read_record(tmp_path / "name"), read_record(tmp_path / "path")
    assert (name.name, own.name, name.fingerprint) == ("crf", "mine", own.fingerprint)
    config.write_text("[crf]\nclusters = []\n")
    with pytest.raises(ConfigError, match=r"coner\.train: kind: not set; expected one of: crf"):
        coner.train(config, path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crf__c3": 1}, "coner.train: crf.c3: no such setting; expected one of: algorithm"),
        ({"crf__c2": -1}, "coner.train: crf.c2: input should be greater than or equal to 0, got -1"),
        ({"epochs": 4}, "coner.train: epochs: no such setting"),
        ({"family": None, "epochs": 4}, "got settings epochs, which no kind has together"),
        ({"family": "llm"}, "coner.train: kind: got 'llm', which has nothing to train; expected one of: crf, encoder"),
        ({"family": "rnn"}, "coner.train: kind: got 'rnn'; expected one of: crf"),
    ],
)
def test_wrong_settings_are_named_by_their_key_path(settings: dict[str, Any], message: str) -> None:
    if settings.get("family") == "llm":
        settings = {**settings, "llm__model": "tiny"}
    with pytest.raises(ConfigError, match=message):
        coner.train(CORPUS, **{"family": "crf", **settings})


def test_sentences_without_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sentence 1: got no labels; expected gold labels"):
        coner.train([Sentence(("a", "b"))], family="crf")
    with pytest.raises(DataError, match="got no entity in any sentence; expected labelled sentences"):
        coner.train([Sentence(("a", "b"), ())], family="crf")
    with pytest.raises(DataError, match="no such file"):
        coner.train(tmp_path / "none.conll", family="crf")


def test_dev_sentences_with_other_labels_only_are_refused() -> None:
    dev = [Sentence((f"zoo{number}",), (Entity(0, 1, "Animal"),)) for number in range(11)]
    with pytest.raises(DataError, match=r"got other labels \(Animal\) than the training data"):
        coner.train(CORPUS, dev, family="crf", crf=SETTINGS)
