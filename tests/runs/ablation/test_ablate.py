"""``coner ablate``: each run is trained once, shared by processes, and not affected by the failure of another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.core.errors import ConfigError
from coner.core.progress import SilentLog
from coner.data.splits import SplitCache
from coner.records.ablation import FAILED
from coner.records.record import read_record
from coner.runs.ablation.plan import load_plan, parse_plan
from coner.runs.ablation.run import run_all, runs_of
from helpers import SAMPLE
from helpers.shell import command, head, process, refusal

PLAN = """
[[row]]
name = "crf"
set.head.decoder = "crf"

[[row]]
name = "deep"
set.head.layers = [7]
"""


@pytest.fixture
def config(tmp_path: Path, tiny_encoder: Callable[[str], Path]) -> list[str]:
    """Arguments of every command here: a config for a tiny encoder, a plan, a folder."""
    (tmp_path / "train.conll").write_text(head(SAMPLE / "train.conll", 40), encoding="utf-8")
    (tmp_path / "dev.conll").write_text(head(SAMPLE / "dev.conll", 10), encoding="utf-8")
    (tmp_path / "test.conll").write_text(head(SAMPLE / "test.conll", 10), encoding="utf-8")
    (tmp_path / "list.toml").write_text(PLAN)
    (tmp_path / "tiny.toml").write_text(
        f"""
        kind = "encoder"
        seed = 5
        encoder.name = "{tiny_encoder("mbert")}"
        train = {{ epochs = 1, batch = 32, precision = "float32", groups.encoder.rate = 3e-5 }}
        data = {{ train = "{tmp_path}/train.conll", dev = "{tmp_path}/dev.conll" }}
        """
    )
    return [str(tmp_path / "tiny.toml"), "--plan", str(tmp_path / "list.toml"), "--out", str(tmp_path / "out")]


def test_a_failed_run_is_reported_and_no_finished_run_is_repeated(config: list[str], tmp_path: Path) -> None:
    done = process("ablate", *config, "--seeds", "2")
    assert done.code == 3, done
    out = tmp_path / "out"
    finished = sorted(path.parent.name for path in out.glob("*/record.json"))
    assert finished == ["crf.5", "crf.6", "full.5", "full.6"]
    assert "head.layers: got 7; expected 0" in (out / "deep.5" / FAILED).read_text()
    assert "deep.6: failed: head.layers: got 7" in done.err
    assert "Traceback" not in done.err
    assert [read_record(out / "crf.6").seed, read_record(out / "crf.6").name] == [6, "crf"]

    before = {path: path.stat().st_mtime_ns for path in out.glob("*/record.json")}
    again = process("ablate", *config, "--seeds", "2", "--rows", "crf")
    assert again.code == 0, again
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/record.json")} == before

    evaluated = process("ablate", *config, "--seeds", "2", "--rows", "crf", "--set", f"data.test={tmp_path}/test.conll")
    assert evaluated.code == 0, evaluated
    for path in before:
        record = read_record(path)
        assert {"dev", "test"} == record.scores.keys()
        assert (record.time.of("test").sentences_per_second or 0) > 0
    assert process("compare", *out.glob("crf.*"), "--json").code == 0


def test_a_folder_with_runs_of_other_settings_is_refused(config: list[str], tmp_path: Path) -> None:
    assert process("ablate", *config, "--seeds", "1", "--rows", "crf").code == 0
    other = process("ablate", *config, "--seeds", "2", "--rows", "crf", "--set", "head.dropout=0.5")
    assert "contains a finished run with other settings or data. Fix: choose another --out, or delete" in refusal(other)
    assert sorted(path.parent.name for path in (tmp_path / "out").glob("*/log.txt")) == ["crf.5", "full.5"]
    assert not list((tmp_path / "out").glob(f"*/{FAILED}"))


def test_if_every_run_fails_the_table_shows_the_reasons(config: list[str], tmp_path: Path) -> None:
    broken = ["--rows", "full", "--seeds", "1", "--set", "head.layers=[7]"]
    done = process("ablate", *config, *broken, "--markdown", "--split", "dev")
    assert done.code == 3, done
    assert "| full | 0 (1 failed) |" in done.out and "- full, seed 5: failed: head.layers: got 7" in done.out
    assert process("compare", tmp_path / "out").code == 0
    page = process("compare", tmp_path / "out", "--html", tmp_path / "page.html")
    assert page.code == 2 and "no finished run in it" in page.err and not (tmp_path / "page.html").exists()
    fixed = process("ablate", *config, "--rows", "crf", "--seeds", "1", "--set", "head.layers=[1]", "--part", "dev")
    assert fixed.code == 0, fixed  # --part is a hidden alias of --split
    (tmp_path / "out" / "crf.5" / FAILED).write_text("out of <memory>\n")
    assert process("compare", tmp_path / "out", "--html", tmp_path / "page.html").code == 0
    assert "crf, seed 5: failed: out of &lt;memory&gt;" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("names", [["a", "b"], ["a,b"], ["a b"]])
def test_encoders_are_listed_with_spaces_or_commas(config: list[str], names: list[str]) -> None:
    done = process("ablate", config[0], "--encoders", *names, *config[1:], "--set", "data.train=nowhere.conll")
    assert "nowhere.conll" in refusal(done)
    assert "got unexpected arguments b; expected one config" in refusal(process("ablate", config[0], "b", *config[1:]))


def test_two_processes_share_the_runs_and_a_killed_one_loses_only_its_own(config: list[str], tmp_path: Path) -> None:
    arguments = ["ablate", *config, "--seeds", "4", "--rows", "crf", "--set", "train.epochs=3"]
    killed = subprocess.Popen(command(*arguments), stderr=subprocess.PIPE)
    out = tmp_path / "out"
    deadline = time.monotonic() + 60
    while not list(out.glob("*/record.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    other = subprocess.Popen(command(*arguments), stderr=subprocess.PIPE)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert b"Traceback" not in other.communicate()[1]
    assert other.returncode in (0, 3)  # 3: the killed process still held a run when the other reached it
    assert process(*arguments).code == 0
    assert len(list(out.glob("*/record.json"))) == 8


def test_ctrl_c_stops_the_whole_ablation(config: list[str], tmp_path: Path) -> None:
    arguments = ["ablate", *config, "--seeds", "9", "--rows", "crf", "--set", "train.epochs=50"]
    running = subprocess.Popen(command(*arguments), stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob("*/model.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    error = running.communicate(timeout=60)[1]
    assert running.returncode == 130, error
    assert len(list((tmp_path / "out").glob("*/record.json"))) <= 1


def test_runs_share_the_data_that_they_read(config: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from coner.config.load import load_values
    from coner.data import splits

    calls: list[object] = []
    reading = splits.read_splits
    monkeypatch.setattr(splits, "read_splits", lambda data, **more: calls.append(data) or reading(data, **more))
    plan = load_plan(config[2]).choose(["crf"])
    cache = SplitCache()
    runs = runs_of(plan, load_values(Path(config[0])), "config", cache=cache, seeds=2)
    assert [run.folder for run in runs] == ["full.5", "crf.5", "full.6", "crf.6"]
    assert len(run_all(runs, tmp_path / "out", cache).finished) == 4
    assert len(calls) == 1
    # The system reports the peak of a whole process, so it is known only for the first run.
    peaks = [read_record(tmp_path / "out" / run.folder).memory["peak_rss_bytes"] for run in runs]
    assert peaks[0] and peaks[1:] == [None] * 3
    plan_file = json.loads((tmp_path / "out" / ".plan.json").read_text())
    assert plan_file["rows"]["crf"] == {"about": "", "against": "full"}


def test_each_row_is_run_with_each_encoder(config: list[str]) -> None:
    from coner.config.load import load_values

    plan = parse_plan({"row": [{"name": "a", "set": {"head": {"blend": "gate"}}}]}, "list")
    base, cache = load_values(Path(config[0])), SplitCache()
    runs = runs_of(plan, base, "config", cache=cache, seeds=1, encoders=["minilm", "org/other"])
    assert [(run.folder, run.settings.encoder.name) for run in runs] == [
        ("full.minilm.5", "minilm"),
        ("full.other.5", "org/other"),
        ("a.minilm.5", "minilm"),
        ("a.other.5", "org/other"),
    ]
    assert [run.against for run in runs] == [None, "full.minilm", "full.minilm", "full.other"]
    with pytest.raises(ConfigError, match="expected names that differ"):
        runs_of(plan, base, "config", cache=cache, seeds=1, encoders=["a/x", "b/x"])
    plan = parse_plan({"row": [{"name": "c", "set": {"kind": "crf"}}]}, "list")
    with pytest.raises(ConfigError, match=r"--encoders: row 'c': .*encoder: no such setting.*expected the config"):
        runs_of(plan, base, "config", cache=cache, seeds=1, encoders=["minilm"])


def test_each_row_gets_what_training_suggests_for_it(config: list[str], tmp_path: Path) -> None:
    from coner.config.load import load_values
    from coner.runs.choice import settings_for

    base = {key: value for key, value in load_values(Path(config[0])).items() if key != "train"}
    rows = [{"name": "large", "set": {"train": {"batch": 40}}}, {"name": "span", "set": {"kind": "span"}}]
    plan, cache = parse_plan({"row": [*rows, {"name": "set", "set": {"train": {"epochs": 3}}}]}, "list"), SplitCache()
    runs = runs_of(plan, base, "config", cache=cache, seeds=2, encoders=["minilm", "mpnet"])
    # 40 sentences are 3 steps of 16, or one of 40; at least 400 steps, unless epochs are set
    found = {run.folder: (run.settings.train.batch, run.settings.train.epochs) for run in runs}
    expected = {"full": (16, 134), "large": (40, 400), "span": (16, 134), "set": (16, 3)}
    names = [(row, encoder, seed) for row in expected for encoder in ("minilm", "mpnet") for seed in (5, 6)]
    assert found == {f"{row}.{encoder}.{seed}": expected[row] for row, encoder, seed in names}
    rates = {run.settings.name: run.settings.train.groups["encoder"].rate for run in runs}
    assert rates["full.minilm"] > rates["full.mpnet"]
    for run in runs:  # as coner train with the settings of the row
        values = {
            **plan.settings(base, run.settings.name.split(".")[0]),
            "seed": run.settings.seed,
            "name": run.settings.name,
        }
        values["encoder"] = {"name": run.settings.name.split(".")[1]}
        assert run.settings == settings_for(values, cache.train, source="train", log=SilentLog())
