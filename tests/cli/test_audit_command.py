"""``coner audit``: outputs, resuming after a kill, and wrong inputs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.audited import WRONG, conll, corpus_with_errors
from helpers.shell import Completed, command, refusal

Coner = Callable[..., Completed]
SMALL = ("--set", "data.dev_share=0.5")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.conll"
    path.write_text(conll(corpus_with_errors()), encoding="utf-8")
    return path


def test_the_outputs_of_one_audit(coner: Coner, data: Path, tmp_path: Path) -> None:
    out, tasks = tmp_path / "audit.html", tmp_path / "again.json"
    done = coner("audit", data, "--out", out, "--out", tasks, "--folds", 4)
    assert done.code == 0, done.err
    assert "99 sentences, 96 mentions; suspicious: 1 class" in done.out
    assert "bob dylan" in done.out
    assert "fold-4 of 4" in done.err
    first, first_tasks = out.read_bytes(), tasks.read_bytes()
    tasks.unlink()
    assert b"bob dylan" in first
    again = coner("audit", data, "-o", out, "--tasks", tasks, "--folds", 4, "--json")  # a former option
    assert "fold-1 of 4" not in again.err  # nothing is trained again
    assert out.read_bytes() == first
    found = json.loads(again.out)
    assert found["suspicious"]["class"] == 1
    assert len(json.loads(first_tasks)) > 0
    assert tasks.read_bytes() == first_tasks
    assert (
        coner(
            "audit", data, "-o", tmp_path / "other", "--to", "labelstudio", "--work", f"{out}.folds", "--folds", 4
        ).code
        == 0
    )
    assert (tmp_path / "other").read_bytes() == first_tasks
    lines = data.read_text(encoding="utf-8").splitlines()
    for place in found["candidates"]:
        assert [line.split("\t")[0] for line in lines[place["line"] - 1 :][: len(place["words"])]] == place["words"]
    scores = [place["score"] for place in found["candidates"]]
    assert scores == sorted(scores, reverse=True)
    kinds = {(" ".join(place["words"]), place["kind"]) for place in found["candidates"][:8]}
    assert {(" ".join(words.split()[slice(*span)]), kind) for kind, (words, _, span) in WRONG.items()} <= kinds


def test_a_killed_audit_resumes_and_gives_the_same_page(coner: Coner, data: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole.html", tmp_path / "killed.html"
    assert coner("audit", data, "--out", whole, "--folds", 4).code == 0
    arguments = ("audit", data, "--out", killed, "--folds", 4)
    running = subprocess.Popen(command(*arguments), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed.html.folds/fold-1.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert (tmp_path / "killed.html.folds/fold-1.json").exists()
    done = coner(*arguments)
    assert done.code == 0, done.err
    assert "fold-1 of 4" not in done.err
    assert killed.read_bytes() == whole.read_bytes()


WRONG_INPUTS = {
    "missing file": ("", ["nowhere.conll"], "no such file"),
    "empty file": ("", [], "expected"),
    "no mention": ("a\tO\n\nb\tO\n", [], "got no mention"),
    "no labels": ("just some words\n", [], "train.conll"),
    "one sentence": ("oslo\tB-City\n", [], "expected at least 5, one for each fold"),
    "more folds than sentences": ("oslo\tB-City\n\nrio\tB-City\n", ["--folds", "3"], "--folds 2"),
    "one fold": ("oslo\tB-City\n", ["--folds", "1"], "--folds"),
    "llm": ("oslo\tB-City\n", ["--family", "llm"], "expected crf or encoder"),
    "span": ("oslo\tB-City\n", ["--family", "span"], "expected crf or encoder"),
    "unknown setting": ("oslo\tB-City\n", ["--set", "crf.nope=1"], "crf.nope"),
    "two seeds": ("oslo\tB-City\n", ["--seed", "1", "--set", "seed=2"], "set by --set too"),
    "other data": ("oslo\tB-City\n", ["--set", "data.test=x.conll"], "data.test: got a value"),
    "a union": ("oslo\tB-City\n", ["--set", 'data.union=[{train="x.conll"}]'], "data.union: got a value"),
    "page over the data": ("oslo\tB-City\n", ["--out", "train.conll"], "is the input itself"),
    "page and tasks": ("oslo\tB-City\n", ["--tasks", "audit.html"], "--out: got audit.html twice"),
    "too few for a dev split": ("oslo\tB-City\n\nrio\tB-City\n", ["--folds", "2"], "data.dev_share=0.5"),
    "folder that does not exist": (
        "oslo\tB-City\n\nrio\tB-City\n",
        ["--out", "no/a.html", "--folds", "2"],
        "does not exist",
    ),
}


@pytest.mark.parametrize("case", WRONG_INPUTS)
def test_wrong_inputs_are_one_line(case: str, coner: Coner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, options, message = WRONG_INPUTS[case]
    monkeypatch.chdir(tmp_path)
    Path("train.conll").write_text(text, encoding="utf-8")
    path = options.pop() if case == "missing file" else "train.conll"
    out = [] if "--out" in options else ["--out", "audit.html"]
    done = coner("audit", path, *out, *options)
    assert message in refusal(Completed(done.code, done.out, done.err.splitlines(keepends=True)[-1]))
    assert "Traceback" not in done.err
    assert not Path("audit.html").exists()


def test_neither_page_nor_folder_is_an_error(coner: Coner, data: Path) -> None:
    assert "--out: not set" in refusal(coner("audit", data))


def test_one_class_and_repeated_sentences_can_be_audited(coner: Coner, tmp_path: Path) -> None:
    path = tmp_path / "one.conll"
    names = ("oslo", "rio", "lima", "paris", "bonn", "rome", "riga", "bern")
    path.write_text("".join(f"in\tO\n{name}\tB-City\n\n" * 2 for name in names), encoding="utf-8")
    done = coner("audit", path, "--work", tmp_path / "work", "--folds", 2, "--json", *SMALL)
    assert done.code == 0, done.err
    assert "class" not in {place["kind"] for place in json.loads(done.out)["candidates"]}


def test_control_characters_do_not_reach_the_terminal(coner: Coner, tmp_path: Path) -> None:
    path = tmp_path / "bad.conll"
    good = "".join(f"in\tO\n{name}\tB-City\n\n" for name in ("oslo", "rio", "lima", "paris", "bonn", "rome", "riga"))
    path.write_text(good * 2 + "the\tO\n\x1b[31mred\tB-City\n", encoding="utf-8")
    done = coner("audit", path, "--work", tmp_path / "work", "--folds", 2, *SMALL)
    assert done.code == 0, done.err
    assert "\x1b[31m" not in done.out
