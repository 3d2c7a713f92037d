"""A record survives the disk, contains neither text nor paths, and is refused in one line where it is damaged."""

from __future__ import annotations

import base64
import copy
import json
import platform
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from coner.config.experiment import DataSettings
from coner.core.errors import DataError, OutputError
from coner.data import Corpus
from coner.data.taxonomy import Taxonomy
from coner.evaluation.counts import Counts
from coner.evaluation.score import score
from coner.evaluation.significance import intervals
from coner.families.crf.settings import CrfExperiment, CrfSettings
from coner.families.manifest import Manifest, write_model
from coner.records import machine
from coner.records.packed import COLUMNS, MAX_BYTES, pack, unpack
from coner.records.record import FORMAT, RECORD, read_record, write_record
from coner.records.recording import LEVEL, RESAMPLES, add_split, make_record
from coner.records.sections import ModelSize, Speed
from helpers import ROOT
from helpers.records import GROUPS, PERFECT, POOR, SENTENCES, Evaluated, Split, fake_record


@pytest.mark.parametrize("splits", [("dev",), ("dev", "test")])
def test_is_equal_after_writing_and_reading(tmp_path: Path, splits: tuple[str, ...]) -> None:
    history = [{"epoch": 1, "loss": 0.5, "dev_macro_f1": 0.25}, {"epoch": 2, "loss": 0.125, "note": "ł|"}]
    record = fake_record(POOR, folder=tmp_path, splits=splits, facts={"history": history, "fingerprint": "f"})
    write_record(record, tmp_path)
    assert read_record(tmp_path) == read_record(tmp_path / RECORD) == record
    assert [epoch.model_dump(exclude_none=True) for epoch in record.history] == history
    assert (record.fingerprint, set(record.scores)) == ("f", set(splits))
    assert [path.name for path in tmp_path.iterdir()] == [RECORD]


def test_contains_no_word_and_no_path(tmp_path: Path) -> None:
    clusters = tmp_path / "clusters.tsv"
    clusters.write_text("")
    settings = CrfExperiment(
        kind="crf",
        data=DataSettings(
            train=tmp_path / "train.conll", dev=Path("../dev.conll"), taxonomy=str(tmp_path / "mine.toml")
        ),
        crf=CrfSettings(cluster_file=clusters),
    )
    dev = Split(Corpus(SENTENCES, tmp_path / "deep" / "dev.conll"), "0" * 64)
    facts = {"encoder": "owner/model", "cache": clusters, "tried": [str(clusters), r"C:\Users\ada\x.bin"]}
    evaluated = Evaluated(score(SENTENCES, POOR, groups=GROUPS), 1.0)
    record = add_split(make_record(settings, splits={}, folder=tmp_path, facts=facts), "dev", dev, evaluated)
    write_record(record, tmp_path)
    text = (tmp_path / RECORD).read_text(encoding="utf-8")
    words = {word for sentence in SENTENCES for word in sentence.words if len(word) > 4}
    assert len(words) == 5
    assert not [word for word in words if word in text]
    assert not [place for place in (str(tmp_path), "deep", "../", "Users") if place in text]
    data = record.settings["data"]
    assert [data[key] for key in ("train", "dev", "taxonomy")] == ["train.conll", "dev.conll", "mine.toml"]
    assert (record.settings["crf"]["cluster_file"], record.data["dev"].file) == ("clusters.tsv", "dev.conll")
    assert record.training == {"encoder": "owner/model", "cache": "clusters.tsv", "tried": ["clusters.tsv", "x.bin"]}


def test_counts_of_each_sentence_are_kept(tmp_path: Path) -> None:
    write_record(fake_record(POOR, folder=tmp_path), tmp_path)
    counts = read_record(tmp_path).sentences["dev"]
    assert (counts.labels, counts.sentences) == (("Artist", "City"), len(SENTENCES))
    grid = np.zeros((len(SENTENCES), 2, 3))
    for i, sentence in enumerate(SENTENCES):
        gold, predicted = set(sentence.entities or ()), set(POOR[i])
        for j, label in enumerate(counts.labels):
            for k, entities in enumerate((gold & predicted, predicted - gold, gold - predicted)):
                grid[i, j, k] = sum(entity.label == label for entity in entities)
    assert grid.sum(axis=0).min() == 0 < grid.sum(axis=0).max()
    assert (counts.dense() == grid).all()


def test_confusion_counts_gold_by_predicted_label(tmp_path: Path) -> None:
    assert fake_record(POOR, folder=tmp_path).confusion == {"dev": {"Artist": {"Artist": 2}, "City": {"Artist": 4}}}


def test_intervals_are_those_of_the_bootstrap(tmp_path: Path) -> None:
    scores = fake_record(POOR, folder=tmp_path).scores["dev"]
    expected = intervals(score(SENTENCES, POOR, groups=GROUPS).fine.counts, level=LEVEL, resamples=RESAMPLES)
    assert (scores.intervals.level, scores.intervals.resamples) == (0.95, 1000)
    for name in ("micro_f1", "macro_f1"):
        low, high = scores.intervals.of(name) or (0, 0)
        assert (low, high) == (expected[name].low, expected[name].high)
        assert low < getattr(scores.fine, name) < high
    assert scores.intervals.of("span_f1") is None


def test_data_speed_and_size_are_recorded(tmp_path: Path) -> None:
    manifest = Manifest(kind="crf", labels=("X",), taxonomy=Taxonomy("t", {"X": {"X": ""}}))
    write_model(tmp_path, manifest, lambda folder: (folder / "w").write_bytes(b"12345") and None)
    facts = {"train_seconds": 3.5, "parameters": 7, "counts": {"cut": 2}, "lost": float("nan")}
    record = fake_record(PERFECT, folder=tmp_path, facts=facts)
    assert record.data["dev"].model_dump() == {
        "file": "dev.conll",
        "sha256": "d" * 64,
        "sentences": 12,
        "words": 28,
        "mentions": 12,
        "repaired": 1,
        "skipped": 0,
        "weight": None,
        "left_out": None,
        "extra": (),
    }
    speed = Speed(seconds=2.0, sentences_per_second=6.0, words_per_second=14.0)
    assert (record.time.train_seconds, record.time.of("dev"), record.time.of("test")) == (3.5, speed, Speed())
    assert record.size == ModelSize(parameters=7, bytes=5)
    assert record.counts["repaired_dev"] == 1
    assert record.counts["cut"] == 2
    assert record.training == {"lost": None}  # JSON has no NaN


def damage(values: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**values, **changes}).encode()


def changed(values: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """The scores with another value at a place."""
    scores = copy.deepcopy(values["scores"])
    *keys, last = place.split(".")
    inner = scores["dev"]
    for key in keys:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return scores


def packed(values: dict[str, Any], text: str) -> dict[str, Any]:
    return {"dev": {**values["sentences"]["dev"], "packed": text}}


def bomb() -> str:
    """A few hundred kilobytes that decompress to more than is allowed."""
    stream = zlib.compressobj(9)
    block = bytes(1 << 20)
    data = [stream.compress(block) for _ in range(MAX_BYTES // len(block) + 1)]
    return base64.b64encode(b"".join([*data, stream.flush()])).decode()


DAMAGES: dict[str, tuple[Any, str]] = {
    "nothing": (lambda _: b"", "damaged: not valid JSON"),
    "cut short": (lambda values: damage(values)[:-9], "damaged: not valid JSON"),
    "no text": (lambda _: b"\xff\xfe{}", "damaged: not valid JSON"),
    "too deep": (lambda _: b"[" * 100_000, "damaged: not valid JSON"),
    "a list": (lambda _: b"[]", "not a record"),
    "another file": (lambda _: b'{"kind": "crf"}', "not a record"),
    "newer": (
        lambda values: damage(values, format=FORMAT + 1),
        f"got format {FORMAT + 1}; expected at most {FORMAT}. Fix: update coner",
    ),
    "key missing": (lambda values: json.dumps({"format": values["format"]}).encode(), "damaged: name: "),
    "key unknown": (lambda values: damage(values, nmae="x"), "damaged: nmae: "),
    "score is text": (
        lambda values: damage(values, scores=changed(values, "span.f1", "high")),
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
        lambda values: damage(values, data={"dev": {**values["data"]["dev"], "sentences": "x"}}),
        "data: dev.sentences: ",
    ),
    "loss is text": (lambda values: damage(values, history=[{"epoch": 1, "loss": "low"}]), "history: 0.loss: "),
    "answers of text": (
        lambda values: damage(values, llm={"dev": {"unanswered": {"budget": "x"}}}),
        "unanswered.budget",
    ),
    "class unknown": (
        lambda values: damage(values, confusion={"dev": {"Artist": {"Nope": 1}}}),
        "confusion.dev: got class 'Nope'; expected a class of scores.dev",
    ),
    "too many sentences": (
        lambda values: damage(values, sentences={"dev": {**values["sentences"]["dev"], "sentences": 10**9}}),
        f"sentences.dev: got counts of {10**9} sentences, scores of 12",
    ),
    "counts without columns": (
        lambda values: damage(values, sentences={"dev": {}}),
        "damaged: sentences: dev: labels: ",
    ),
    "a split without counts": (lambda values: damage(values, sentences={}), "sentences: got nothing on dev"),
    "other counts than the scores": (
        lambda values: damage(values, scores=changed(values, "fine.classes.Artist.tp", 3)),
        "sentences.dev: got other counts than those of scores.dev",
    ),
    "packed counts that are not base64": (
        lambda values: damage(values, sentences=packed(values, "?")),
        "sentences: dev: packed: got other text than zlib data in base64",
    ),
    "packed counts cut short": (
        lambda values: damage(
            values, sentences=packed(values, base64.b64encode(zlib.compress(bytes(160))[:-5]).decode())
        ),
        "sentences: dev: packed: got data that are cut short",
    ),
    "packed counts of other shape": (
        lambda values: damage(values, sentences=packed(values, base64.b64encode(zlib.compress(bytes(7))).decode())),
        "sentences: dev: packed: got data that are cut short, or more than the five columns",
    ),
    "packed counts of another class": (
        lambda values: damage(values, sentences=packed(values, base64.b64encode(zlib.compress(b"\xff" * 20)).decode())),
        "sentences: dev: sentence counts name a sentence or class that does not exist",
    ),
    "a zip bomb": (
        lambda values: damage(values, sentences=packed(values, bomb())),
        f"sentences: dev: packed: got more than {MAX_BYTES} bytes",
    ),
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


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        write_record(fake_record(PERFECT, folder=tmp_path), tmp_path / "missing")


def test_a_record_of_format_1_is_read(tmp_path: Path) -> None:
    """Its counts are one list per column, and unknown values are null."""
    record = fake_record(POOR, folder=tmp_path, splits=("dev", "test"))
    write_record(record, tmp_path)
    values = json.loads((tmp_path / RECORD).read_text(encoding="utf-8"))
    for split, counts in record.sentences.items():
        columns = dict(zip(COLUMNS, counts.columns.tolist(), strict=True))
        values["sentences"][split] = {"labels": list(counts.labels), "sentences": counts.sentences, **columns}
    del values["llm"], values["data"]["dev"]["extra"]
    old = {**values, "format": 1, "commit": None, "memory": {"peak_rss_bytes": None}}
    (tmp_path / RECORD).write_text(json.dumps(old), encoding="utf-8")
    read = read_record(tmp_path)
    assert read == record.model_copy(update={"commit": None, "memory": {"peak_rss_bytes": None}})
    write_record(read, tmp_path)
    assert json.loads((tmp_path / RECORD).read_text(encoding="utf-8"))["format"] == FORMAT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tp": [-1] * 8}, "negative sentence counts"),
        ({"tp": [2**70] * 8}, r"got a count above 2 \*\* 63"),
        ({"tp": [1]}, "missing or differ in length; expected sentence, label, tp, fp, fn"),
        ({"tp": None}, "missing or differ in length"),
        ({"tp": "x"}, "tp: Input should be a valid list"),
        ({"labels": 3}, "labels: Input should be a valid list"),
        ({"sentences": -1}, "sentences: Input should be greater than or equal to 0"),
    ],
)
def test_damaged_counts_of_format_1_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    counts = fake_record(PERFECT, folder=tmp_path).sentences["dev"]
    columns = dict(zip(COLUMNS, counts.columns.tolist(), strict=True))
    values = {"labels": list(counts.labels), "sentences": counts.sentences, **columns}
    assert unpack(values) == counts
    with pytest.raises(ValueError, match=message) as error:
        unpack({**values, **change})
    assert "\n" not in str(error.value)


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 2**33), st.integers(0, 2)), st.tuples(*[st.integers(0, 2**32 - 1)] * 3), max_size=9
    )
)
def test_packed_counts_are_lossless(rows: dict[tuple[int, int], tuple[int, int, int]]) -> None:
    table = np.array([(*place, *values) for place, values in sorted(rows.items())], dtype=np.int64).reshape(-1, 5)
    steps = np.diff(table[:, 0], prepend=0)
    assume((steps < 2**32).all())
    counts = Counts(("A", "B", "C"), 2**33 + 1, table.T)
    assert unpack(json.loads(json.dumps(pack(counts)))) == counts


def test_every_committed_record_loads() -> None:
    paths = [path for path in (ROOT / "results").rglob("*.json") if path.name not in ("trials.json", ".plan.json")]
    assert len(paths) >= 58
    for path in paths:
        record = read_record(path)
        assert record.scores.keys() <= record.data.keys()
        assert read_record(path) == record


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_commit_is_that_of_the_package_and_of_no_other_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    package = tmp_path / "site-packages" / "coner"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    assert machine.commit(package) is None  # no checkout at all
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "theirs")
    assert machine.commit(package) is None  # installed below another project
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "ours")
    found = machine.commit(package)
    assert found is not None
    assert (len(found["id"]), found["dirty"]) == (40, False)
    (package / "__init__.py").write_text("changed")
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


def test_versions_are_those_of_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PACKAGES", ("numpy", "no-such-package-at-all"))
    assert machine.versions() == {"python": platform.python_version(), "numpy": np.__version__}


def test_peak_memory_never_falls() -> None:
    before = machine.peak_memory()
    block = np.ones(1 << 23)  # 64 MB, written to
    after = machine.peak_memory()
    if before is None or after is None:
        pytest.skip("this system does not report it")
    assert after >= before > 1 << 20
    assert after > block.nbytes  # bytes, not kilobytes
