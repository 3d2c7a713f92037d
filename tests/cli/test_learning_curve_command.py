"""``coner learning-curve``: an answer, a table and a picture; resumed after a kill; wrong use in one line."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.shell import Completed, command, refusal

Coner = Callable[..., Completed]
TINY = [part for key in ("max_iterations=2", "clusters=[]", "thresholds=[]") for part in ("--set", f"crf.{key}")]


def sentences_of(count: int, seed: int) -> str:
    """Sentences with a name whose class only who has seen it knows."""
    rng, lines = random.Random(seed), []
    for _ in range(count):
        name = rng.randrange(12)
        lines += [f"n{name * 7919} B-{'City' if name % 2 else 'Artist'}", f"w{rng.randrange(9)} O", "is O", ""]
    return "\n".join(lines) + "\n"


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    """Arguments: data and a CRF that trains in no time."""
    for split, sentences, seed in (("train", 48, 1), ("dev", 30, 2)):
        (tmp_path / f"{split}.conll").write_text(sentences_of(sentences, seed), encoding="utf-8")
    arguments = [str(tmp_path / "train.conll"), "--dev", str(tmp_path / "dev.conll")]
    return [*arguments, "--family", "crf", "--fractions", "1/4,1/2", *TINY, "--out", str(tmp_path / "out")]


def test_the_answer_is_printed_drawn_and_repeated_without_training(
    coner: Coner, data: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    done = coner("learning-curve", *data, "--seeds", 2, "--picture", tmp_path / "a.svg")
    assert done.code == 0, done
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines if line.strip()[:1].isdigit()] == ["12", "24", "48", "96"]
    assert any(line.startswith("Twice the sentences (96) would bring about ") for line in lines)
    assert lines[-1].startswith("The 95 % interval covers chance in the dev sentences")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<?xml")
    models = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/model.json")}
    assert len(models) == 6
    again = coner("learning-curve", *data, "--seeds", 2, "--by", "macro")
    assert "6 runs, 6 of them finished" in again.err
    assert {path: path.stat().st_mtime_ns for path in models} == models
    assert set(again.out.splitlines()[:9]) == set(lines[:9])
    assert "points of macro F1 on dev." in again.out
    assert coner("compare", *sorted((tmp_path / "out").glob("take-*")), "--json").code == 0


def test_json_is_the_only_output_and_one_seed_is_warned_of(coner: Coner, data: list[str]) -> None:
    done = coner("learning-curve", *data, "--seeds", 1, "--json")
    assert done.code == 0, done
    values = json.loads(done.out)
    assert [size["fraction"] for size in values["sizes"]] == [0.25, 0.5, 1]
    assert values["predicted"]["sentences"] == 96
    assert "With one seed the interval is too narrow" in done.err


def test_a_config_is_a_source_too(coner: Coner, data: list[str], tmp_path: Path) -> None:
    dev, out = data[2], tmp_path / "config"
    arguments = ["crf", "--train", data[0], "--dev", dev, "--fractions", "1/4,1/2", *TINY, "--seeds", "1", "--out", out]
    done = coner("learning-curve", *arguments, "--set", "crf.trials=0", "--set", "crf.algorithm=sgd")
    assert done.code == 0, done
    assert sorted(path.name for path in out.glob("take-*")) == ["take-12.42", "take-24.42", "take-48.42"]


def test_a_killed_curve_resumes_run_by_run(coner: Coner, data: list[str], tmp_path: Path) -> None:
    arguments = ["learning-curve", *data, "--seeds", "3"]
    running = subprocess.Popen(command(*arguments), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    out, deadline = tmp_path / "out", time.monotonic() + 60
    while len(list(out.glob("*/record.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    kept = {path: path.read_bytes() for path in out.glob("*/record.json")}
    assert 2 <= len(kept) < 9
    resumed = coner(*arguments, "--json")
    assert resumed.code == 0, resumed
    # A run that was killed between its training and its evaluation had a record without scores.
    unchanged = [path for path, content in kept.items() if path.read_bytes() == content]
    assert len(unchanged) >= len(kept) - 1
    whole = coner(*arguments[:-4], "--out", tmp_path / "whole", "--seeds", 3, "--json")
    assert json.loads(resumed.out) == json.loads(whole.out)


def test_a_curve_without_any_hit_has_no_forecast(coner: Coner, data: list[str], tmp_path: Path) -> None:
    (tmp_path / "dev.conll").write_text("nothing O\nnobody B-Artist\nknows O\n")
    done = coner("learning-curve", *data, "--seeds", 1)
    assert done.code == 0, done
    assert "no forecast: every run has F1 0 on dev" in done.err and "Twice" not in done.out


def test_runs_that_fail_are_named_with_exit_code_3(coner: Coner, data: list[str], tmp_path: Path) -> None:
    done = coner("learning-curve", *data, "--seeds", 1, "--set", "crf.features=['nope']")
    assert done.code == 3, done
    assert "take-12.42: failed: " in done.err and "Traceback" not in done.err
    assert "no forecast: got finished runs of 0 sizes; expected at least 3" in done.err
    assert (done.out, done.err.count("no forecast")) == ("", 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--fractions", "1/2,1"], "--fractions: got '1/2,1'; expected at least 3"),
        (["--fractions", "1/999,1/2,1"], "of 48 sentences; expected samples of different sizes"),
        (["--seeds", "0"], "--seeds"),
        (["--by", "weighted"], "--by"),
        (["--picture", "curve.gif"], "curve.gif: got suffix '.gif'; expected .svg"),
        (["--picture", "missing/curve.svg"], "does not exist"),
        (["--set", "data.take_seed=3", "--set", "data.take=20"], "data.take_seed: got a seed; expected none"),
        (["--set", "crf.nope=1"], "crf.nope: no such setting"),
        (["--dev", "nowhere.conll"], "nowhere.conll"),
        (["--family", "llm"], "kind: got 'llm', which has nothing to train"),
        (["--family", "vote"], "kind: got 'vote', which has nothing to train"),
        (["--family", "onnx"], "kind: got 'onnx', which has nothing to train"),
        (["--encoder", "minilm"], "--encoder: got kind crf; expected"),
    ],
)
def test_wrong_use_is_refused_in_one_line_before_any_training(
    coner: Coner, data: list[str], tmp_path: Path, change: list[str], message: str
) -> None:
    pytest.importorskip("matplotlib")
    assert message in refusal(coner("learning-curve", *data, *change))
    assert not list(tmp_path.glob("out/*/log.txt"))


def test_wrong_files_are_refused(coner: Coner, data: list[str], tmp_path: Path) -> None:
    for name, content in {"empty.conll": "", "bare.conll": "only O\nwords O\n"}.items():
        (tmp_path / name).write_text(content)
        assert name in refusal(coner("learning-curve", tmp_path / name, *data[1:]))
    assert "no such file; expected data, a config" in refusal(coner("learning-curve", tmp_path / "none", *data[1:]))
    (tmp_path / "llm.toml").write_text('kind = "llm"\n')
    config = coner("learning-curve", tmp_path / "llm.toml", "--out", tmp_path / "o")
    assert "which has nothing to train" in refusal(config)
    (tmp_path / "file").write_text("x")
    taken = coner("learning-curve", *data[:-1], tmp_path / "file")
    assert taken.code == 2 and "Traceback" not in taken.err


def test_without_dev_a_part_of_the_training_data_is_split_off(coner: Coner, data: list[str], tmp_path: Path) -> None:
    named = tmp_path / "Übung-日本.conll"
    (tmp_path / "train.conll").rename(named)
    done = coner("learning-curve", named, *data[3:], "--seeds", 1, "--json")
    assert done.code == 0, done
    sizes = [size["sentences"] for size in json.loads(done.out)["sizes"]]
    assert 40 <= sizes[-1] < 48 and sizes[0] == round(sizes[-1] / 4)
