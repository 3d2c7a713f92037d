"""``coner tag`` of several files into a folder: each output is that of the file alone; resumable."""

from __future__ import annotations

import gzip
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import coner as package
from coner.core.errors import Unfinished
from coner.records.machine import versions
from coner.tagging import files as tagging
from coner.tagging.job import TaggingJob
from helpers.shell import Completed, World, refusal

Coner = Callable[..., Completed]
SIZE = 2000  # bytes of a slice: about ten sentences


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    real = tagging.tag_files
    monkeypatch.setattr(tagging, "tag_files", lambda *arguments: real(*arguments, size=SIZE))


@pytest.fixture
def corpus(world: World, tmp_path: Path, coner: Coner) -> list[Path]:
    """The training file in several formats."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.conll").write_bytes(world.train.read_bytes())
    assert coner("convert", world.train, folder / "b.jsonl").code == 0
    (folder / "c.jsonl.gz").write_bytes(gzip.compress((folder / "b.jsonl").read_bytes()))
    return sorted(folder.iterdir())


def content(path: Path) -> str:
    """The text, with rounded probabilities: their last digits depend on the other sentences of a batch."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return re.sub(r'(?<="score": )[0-9.e-]+', lambda match: f"{float(match[0]):.9f}", text)


def test_each_file_is_tagged_as_it_is_alone(
    world: World, corpus: list[Path], coner: Coner, tmp_path: Path, small_slices: None
) -> None:
    done = coner("tag", world.model, *corpus, "-o", tmp_path / "out")
    assert (done.code, done.out) == (0, ""), done
    assert done.err.startswith("3 files, 180 sentences, ")
    for path in corpus:
        alone = tmp_path / f"alone-{path.name}"
        assert coner("tag", world.model, path, "-o", alone).code == 0
        assert content(tmp_path / "out" / path.name) == content(alone)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".coner", "a.conll", "b.jsonl", "c.jsonl.gz"]


def test_parquet_keeps_its_rows_and_columns(world: World, coner: Coner, tmp_path: Path, small_slices: None) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    sentences = package.read(world.train)
    words: list[Any] = [list(sentence.words) for sentence in sentences]
    words[3:3] = [None, []]
    texts = [None if row is None else "  ".join(row) for row in words]
    keys = list(range(len(words)))
    source = tmp_path / "in"
    source.mkdir()
    pq.write_table(pa.table({"key": keys, "tokens": words}), source / "t.parquet", row_group_size=17)
    pq.write_table(pa.table({"entities": keys, "text": texts, "key": keys}), source / "x.parquet", row_group_size=50)
    assert coner("tag", world.model, *source.iterdir(), "-o", f"{tmp_path}/out/").code == 0
    tagger = package.load(world.model)
    predicted = iter(tagger.tag(list(sentences)))
    expected = [None if row is None else [] if not row else next(predicted) for row in words]
    tokens, text = (pq.read_table(tmp_path / "out" / name) for name in ("t.parquet", "x.parquet"))
    assert tokens.column_names == ["key", "tokens", "ner_tags"]
    assert text.column_names == ["entities", "text", "key"]  # the column of that name was replaced
    assert (tokens["key"].to_pylist(), tokens["tokens"].to_pylist()) == (keys, words)
    assert (text["key"].to_pylist(), text["text"].to_pylist()) == (keys, texts)
    for row, tags, entities in zip(expected, tokens["ner_tags"].to_pylist(), text["entities"].to_pylist(), strict=True):
        if row is None:
            assert tags is entities is None
            continue
        assert [tag[2:] for tag in tags if tag[0] == "B"] == [entity.label for entity in row]
    labelled = next(i for i, row in enumerate(text["entities"].to_pylist()) if row)
    entity = text["entities"].to_pylist()[labelled][0]
    gold = expected[labelled][0]
    assert texts[labelled][entity["start"] : entity["end"]].split() == words[labelled][gold.start : gold.end]
    again = package.read(tmp_path / "out/t.parquet", repair=True)  # the reader of the format reads it
    assert [sentence.words for sentence in again] == [sentence.words for sentence in sentences]


def test_after_a_kill_only_unfinished_slices_are_tagged(
    world: World, coner: Coner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_slices: None
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    text = world.train.read_text(encoding="utf-8")
    (source / "a.conll").write_text(text, encoding="utf-8")
    (source / "b.conll").write_text(text * 12, encoding="utf-8")
    files = [str(source / "a.conll"), str(source / "b.conll")]
    arguments = ["tag", world.model, *files, "-o", out]
    job = TaggingJob(str(world.model), "auto", "iob2", {}, version=versions()["coner"])
    code = f"from coner.tagging.files import *; tag_files({files!r}, Path({str(out)!r}), {job!r}, size={SIZE})"
    with subprocess.Popen([sys.executable, "-c", code]) as running:
        deadline = time.monotonic() + 60
        while not list((out / ".coner").glob("b.conll.parts/*/000000.conll.json")):
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
    assert not (out / "b.conll").exists()
    before = (out / "a.conll").stat().st_ino
    slices: list[int] = []
    real = tagging.local_engine
    monkeypatch.setattr(tagging, "local_engine", lambda job, work: slices.append(len(work)) or real(job, work))
    done = coner(*arguments)
    assert done.code == 0
    assert done.err.startswith("1 of 2 files were already finished\n1 file, 720 sentences, ")
    assert (out / "a.conll").stat().st_ino == before
    pieces = (source / "b.conll").stat().st_size // SIZE
    assert 0 < slices[0] <= pieces
    assert coner("tag", world.model, source / "b.conll", "-o", tmp_path / "alone.conll").code == 0
    assert (out / "b.conll").read_bytes() == (tmp_path / "alone.conll").read_bytes()
    assert coner(*arguments).err == "2 of 2 files were already finished\n"
    (source / "a.conll").write_text(text * 2, encoding="utf-8")
    assert "120 sentences" in coner(*arguments).err


def test_ctrl_c_keeps_finished_slices(world: World, corpus: list[Path], tmp_path: Path) -> None:
    job = TaggingJob(str(world.model), "auto", write="iob2", reading={}, version="")

    def interrupted(job: TaggingJob, work: Any) -> Any:
        yield next(iter(tagging.local_engine(job, work)))
        raise KeyboardInterrupt

    with pytest.raises(Unfinished, match="run the same command again to resume") as caught:
        tagging.tag_files([str(path) for path in corpus], tmp_path / "out", job, interrupted)
    assert caught.value.exit_code == 130
    assert (tmp_path / "out/a.conll").exists()
    done = tagging.tag_files([str(path) for path in corpus], tmp_path / "out", job)
    assert (done.files, done.before) == (3, 1)


WRONG: dict[str, tuple[Callable[[Path, Path], list[Any]], str]] = {
    "no folder": (lambda a, _: [a, a], "--out: not set; several files"),
    "two of one name": (lambda a, f: [a, f / "other/a.conll", "-o", "OUT"], "has the same name as"),
    "into its own folder": (lambda a, f: [a, "-o", f"{f}/"], "is the input itself"),
    "a file in place of the folder": (
        lambda a, f: [a, f / "b.jsonl", "-o", a],
        "a.conll: is a file; expected a folder for several files",
    ),
    "missing file": (lambda a, f: [a, f / "no.conll", "-o", "OUT"], "no.conll: no such file"),
    "text": (
        lambda a, f: [a, f / "p.txt", "-o", "OUT"],
        "p.txt: got the format text; expected CoNLL, JSONL or Parquet",
    ),
    "faulty CoNLL": (lambda a, f: [a, f / "bad.conll", "-o", "OUT"], "bad.conll:3: tag 'I-Artist'"),
    "faulty JSONL": (lambda a, f: [a, f / "bad.jsonl", "-o", "OUT"], "bad.jsonl:2: not JSON"),
    "no Parquet": (lambda a, f: [a, f / "bad.parquet", "-o", "OUT"], "bad.parquet: cannot be read"),
    "other columns": (
        lambda a, f: [a, f / "other.parquet", "-o", "OUT"],
        "other.parquet: got columns x; expected 'tokens'",
    ),
    "numbers": (
        lambda a, f: [a, f / "numbers.parquet", "-o", "OUT"],
        "numbers.parquet: got column 'text' of type int64",
    ),
    "empty word": (
        lambda a, f: [a, f / "word.parquet", "-o", "OUT"],
        "word.parquet: row 2: got tokens ['b', '']; expected a list of non-empty",
    ),
    "format": (lambda a, _: [a, "-o", "OUT/", "--to", "jsonl"], "--to jsonl: files in a folder keep the format"),
    "workers of a folder": (lambda a, _: [a, a, "-o", "OUT/", "--workers", 2], "--workers: only for --engine ray"),
    "workers": (lambda a, _: [a, "-o", "OUT/x", "--workers", 2], "--workers: only for --engine ray"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line(world: World, coner: Coner, tmp_path: Path, name: str) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    source = tmp_path / "in"
    (source / "other").mkdir(parents=True)
    for path in ("a.conll", "other/a.conll"):
        (source / path).write_text("ada _ _ O\n")
    (source / "b.jsonl").write_text('{"text": "ada"}\n')
    (source / "p.txt").write_text("only words here\n")
    (source / "bad.conll").write_text("ada _ _ B-Artist\n\nx _ _ I-Artist\n")
    (source / "bad.jsonl").write_text('{"text": "ada"}\n{\n')
    (source / "bad.parquet").write_text("nothing")
    pq.write_table(pa.table({"x": [1]}), source / "other.parquet")
    pq.write_table(pa.table({"text": [1]}), source / "numbers.parquet")
    pq.write_table(pa.table({"tokens": [["a"], ["b", ""]]}), source / "word.parquet")
    make, expected = WRONG[name]
    arguments = [str(value).replace("OUT", str(tmp_path / "out")) for value in make(source / "a.conll", source)]
    assert expected in refusal(coner("tag", world.model, *arguments))
    out = tmp_path / "out"
    assert not out.exists() or {path.name for path in out.iterdir()} <= {".coner", "a.conll"}
