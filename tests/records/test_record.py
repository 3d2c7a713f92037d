"""A record holds what is needed to judge a run, comes back equal from disk, and tells neither text nor places."""

from __future__ import annotations

import copy
import json
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coner.config.data import DataSettings
from coner.core.errors import DataError, OutputError
from coner.data import Corpus
from coner.evaluation.score import score_sentences
from coner.evaluation.significance import intervals
from coner.families.crf.settings import CrfExperiment, CrfSettings
from coner.families.manifest import write_model
from coner.records import machine
from coner.records.record import FORMAT, RECORD, read_record, write_record
from coner.records.recording import LEVEL, RESAMPLES, make_record
from helpers.records import GROUPS, PERFECT, POOR, SENTENCES, Split, Tagged, fake_record


@pytest.mark.parametrize("parts", [("dev",), ("dev", "test")])
def test_comes_back_equal_from_disk(tmp_path: Path, parts: tuple[str, ...]) -> None:
    history = [{"epoch": 1, "loss": 0.5, "dev_macro_f1": 0.25}, {"epoch": 2, "loss": 0.125, "note": "ł|"}]
    record = fake_record(POOR, folder=tmp_path, parts=parts, facts={"history": history, "fingerprint": "f"})
    write_record(record, tmp_path)
    assert read_record(tmp_path) == read_record(tmp_path / RECORD) == record
    assert (record.history, record.fingerprint, set(record.scores)) == (history, "f", set(parts))
    assert [path.name for path in tmp_path.iterdir()] == [RECORD]


def test_holds_no_word_and_no_place(tmp_path: Path) -> None:
    clusters = tmp_path / "clusters.tsv"
    clusters.write_text("")
    settings = CrfExperiment(
        kind="crf",
        data=DataSettings(
            train=tmp_path / "train.conll", dev=Path("../dev.conll"), taxonomy=str(tmp_path / "mine.toml")
        ),
        crf=CrfSettings(cluster_file=clusters),
    )
    part = Split(Corpus(SENTENCES, tmp_path / "deep" / "dev.conll"), "0" * 64)
    facts = {"encoder": "owner/model", "cache": clusters, "tried": [str(clusters), r"C:\Users\ada\x.bin"]}
    tagged = {"dev": Tagged(score_sentences(SENTENCES, POOR, groups=GROUPS), 1.0)}
    record = make_record(settings, parts={"dev": part}, tagged=tagged, folder=tmp_path, facts=facts)
    write_record(record, tmp_path)
    text = (tmp_path / RECORD).read_text(encoding="utf-8")
    words = {word for sentence in SENTENCES for word in sentence.words if len(word) > 4}
    assert len(words) == 5
    assert not [word for word in words if word in text]
    assert not [place for place in (str(tmp_path), "deep", "../", "Users") if place in text]
    data = record.settings["data"]
    assert [data[key] for key in ("train", "dev", "taxonomy")] == ["train.conll", "dev.conll", "mine.toml"]
    assert (record.settings["crf"]["cluster_file"], record.data["dev"]["file"]) == ("clusters.tsv", "dev.conll")
    assert record.training == {"encoder": "owner/model", "cache": "clusters.tsv", "tried": ["clusters.tsv", "x.bin"]}


def test_counts_of_each_sentence_come_back(tmp_path: Path) -> None:
    write_record(fake_record(POOR, folder=tmp_path), tmp_path)
    counts = read_record(tmp_path).sentence_counts("dev")
    assert (counts.labels, counts.sentences) == (("Artist", "City"), len(SENTENCES))
    grid = np.zeros((len(SENTENCES), 2, 3))
    for i, sentence in enumerate(SENTENCES):
        gold, found = set(sentence.entities or ()), set(POOR[i])
        for j, label in enumerate(counts.labels):
            for k, entities in enumerate((gold & found, found - gold, gold - found)):
                grid[i, j, k] = sum(entity.label == label for entity in entities)
    assert grid.sum(axis=0).min() == 0 < grid.sum(axis=0).max()
    assert (counts.dense() == grid).all()


def test_confusion_says_what_was_taken_for_what(tmp_path: Path) -> None:
    assert fake_record(POOR, folder=tmp_path).confusion == {"dev": {"Artist": {"Artist": 2}, "City": {"Artist": 4}}}


def test_intervals_are_those_of_the_bootstrap(tmp_path: Path) -> None:
    found = fake_record(POOR, folder=tmp_path).scores["dev"]
    expected = intervals(score_sentences(SENTENCES, POOR, groups=GROUPS).fine.counts, level=LEVEL, resamples=RESAMPLES)
    assert (found["intervals"]["level"], found["intervals"]["resamples"]) == (0.95, 1000)
    for name in ("micro_f1", "macro_f1"):
        low, high = found["intervals"][name]
        assert (low, high) == (expected[name].low, expected[name].high)
        assert low < found["fine"][name] < high


def test_data_speed_and_size_are_told(tmp_path: Path) -> None:
    write_model(
        tmp_path, {"kind": "crf", "labels": ["X"]}, lambda folder: (folder / "w").write_bytes(b"12345") and None
    )
    facts = {"train_seconds": 3.5, "parameters": 7, "counts": {"cut": 2}, "lost": float("nan")}
    record = fake_record(PERFECT, folder=tmp_path, facts=facts)
    assert record.data["dev"] == {
        "file": "dev.conll",
        "sha256": "d" * 64,
        "sentences": 12,
        "words": 28,
        "mentions": 12,
        "repaired": 1,
        "skipped": 0,
    }
    speed = {"seconds": 2.0, "sentences_per_second": 6.0, "words_per_second": 14.0}
    assert record.time == {"train_seconds": 3.5, "dev": speed}
    assert record.size == {"parameters": 7, "bytes": 5}
    assert record.counts["repaired_dev"] == 1
    assert record.counts["cut"] == 2
    assert record.training == {"lost": None}  # JSON knows no NaN


def damage(values: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**values, **changes}).encode()


def changed(values: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """The scores with another value there."""
    scores = copy.deepcopy(values["scores"])
    *way, last = place.split(".")
    inner = scores["dev"]
    for key in way:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return scores


DAMAGES: dict[str, tuple[Any, str]] = {
    "nothing": (lambda _: b"", "damaged: not valid JSON"),
    "cut short": (lambda values: damage(values)[:-9], "damaged: not valid JSON"),
    "no text": (lambda _: b"\xff\xfe{}", "damaged: not valid JSON"),
    "too deep": (lambda _: b"[" * 100_000, "damaged: not valid JSON"),
    "a list": (lambda _: b"[]", "not a record"),
    "another file": (lambda _: b'{"kind": "crf"}', "not a record"),
    "newer": (lambda values: damage(values, format=FORMAT + 1), f"format {FORMAT + 1}; this version of coner reads up"),
    "key missing": (lambda values: json.dumps({"format": values["format"]}).encode(), "damaged: name: "),
    "key unknown": (lambda values: damage(values, nmae="x"), "damaged: nmae: "),
    "score is text": (
        lambda values: damage(values, scores={"dev": {**values["scores"]["dev"], "span": {"f1": "high"}}}),
        "dev.span.f1: Input should be a valid number",
    ),
    "class without numbers": (
        lambda values: damage(values, scores=changed(values, "fine.classes.Artist", {})),
        "scores: dev.fine.classes.Artist.precision: ",
    ),
    "class is null": (lambda values: damage(values, scores=changed(values, "coarse.classes", None)), "coarse.classes"),
    "interval of text": (
        lambda values: damage(values, scores=changed(values, "intervals.macro_f1", ["a", "b"])),
        "dev.intervals.macro_f1.0: ",
    ),
    "short interval": (
        lambda values: damage(values, scores=changed(values, "intervals.macro_f1", [0.1])),
        "dev.intervals.macro_f1.1: ",
    ),
    "unseen is a list": (lambda values: damage(values, scores=changed(values, "unseen", [])), "dev.unseen: "),
    "time is text": (lambda values: damage(values, time={"train_seconds": "long"}), "damaged: time: train_seconds"),
    "speed is a list": (lambda values: damage(values, time={"dev": []}), "damaged: time: dev"),
    "epoch without a number": (lambda values: damage(values, history=[{"loss": 1.0}]), "history: 0.epoch: "),
    "sentences of a file are text": (
        lambda values: damage(values, data={"dev": {"sentences": "x"}}),
        "data: dev.sentences: ",
    ),
    "loss is text": (lambda values: damage(values, history=[{"epoch": 1, "loss": "low"}]), "history: 0.loss: "),
    "answers of text": (
        lambda values: damage(values, llm={"dev": {"unanswered": {"budget": "x"}}}),
        "unanswered.budget",
    ),
    "class unknown": (
        lambda values: damage(values, confusion={"dev": {"Artist": {"Nope": 1}}}),
        "confusion.dev: 'Nope' is no class of its scores",
    ),
    "more sentences than any machine holds": (
        lambda values: damage(values, sentences={"dev": {**values["sentences"]["dev"], "sentences": 10**9}}),
        f"sentences.dev: counts of {10**9} sentences, scores of 12",
    ),
    "counts below zero": (
        lambda values: damage(values, sentences={"dev": {**values["sentences"]["dev"], "tp": [-1] * 8}}),
        "negative sentence counts",
    ),
    "counts beyond any machine": (
        lambda values: damage(values, sentences={"dev": {**values["sentences"]["dev"], "tp": [2**70] * 8}}),
        "damaged: sentences: ",
    ),
    "counts lack a column": (lambda values: damage(values, sentences={"dev": {}}), "damaged: sentences: "),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_one_line_with_the_file(tmp_path: Path, what: str) -> None:
    make, message = DAMAGES[what]
    write_record(fake_record(PERFECT, folder=tmp_path), tmp_path)
    path = tmp_path / RECORD
    path.write_bytes(make(json.loads(path.read_text(encoding="utf-8"))))
    with pytest.raises(DataError) as error:
        read_record(tmp_path)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("place", ["", "missing", "missing.json"])
def test_no_record_is_one_line(tmp_path: Path, place: str) -> None:
    with pytest.raises(DataError, match=r"no record; expected a run folder with a finished run, or a record file$"):
        read_record(tmp_path / place)


def test_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        write_record(fake_record(PERFECT, folder=tmp_path), tmp_path / "missing")


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_commit_is_that_of_the_package_and_of_no_other_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    package = tmp_path / "site-packages" / "coner"
    package.mkdir(parents=True)
    (package / "errors.py").write_text("")
    assert machine.commit(package) is None  # no checkout at all
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "theirs")
    assert machine.commit(package) is None  # installed below another project
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "ours")
    found = machine.commit(package)
    assert found is not None
    assert (len(found["id"]), found["dirty"]) == (40, False)
    (package / "errors.py").write_text("changed")
    assert machine.commit(package) == {"id": found["id"], "dirty": True}


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.commit() is None


def test_machine_names_the_processor_and_no_host() -> None:
    found = machine.machine()
    assert set(found) - {"accelerator"} == {"system", "processor", "cores", "threads"}
    assert found["system"] == platform.system()
    assert found["processor"]
    assert found["cores"] >= 1 <= found["threads"]


def test_versions_are_those_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PACKAGES", ("numpy", "no-such-package-at-all"))
    assert machine.versions() == {"python": platform.python_version(), "numpy": np.__version__}


def test_peak_memory_never_falls() -> None:
    before = machine.peak_memory()
    block = np.ones(1 << 23)  # 64 MB, written to
    after = machine.peak_memory()
    if before is None or after is None:
        pytest.skip("this system does not tell")
    assert after >= before > 1 << 20
    assert after > block.nbytes  # bytes, not kilobytes
