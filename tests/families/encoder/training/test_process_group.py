"""Two processes that train one tagger over gloo, compared with a single one."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from coner.cli import app as cli
from coner.core import processes
from coner.core.errors import ConfigError
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.process_group import ProcessGroup
from helpers import ROOT, tiny
from helpers.names import knowledge
from helpers.tiny_training import (
    NO_DROPOUT,
    PowerCut,
    cut_before,
    history_without_times,
    record_norms,
    tuning_of_case,
)

FULL = {"layers": (-1, -2, -3), "mix": "concat", "context": "bilstm", "blend": "concat", "decoder": "crf"}
WEIGHTS = [1.0, 0.3, 2.0, 1.0, 0.7, 1.0] * 2
SAME: dict[str, dict[str, Any]] = {  # batches of 5 of 12 sentences: the last has 2; shards of 3 and 2, 1 and 1
    "crf": {"head": FULL, "weights": WEIGHTS},
    "weighted": {"head": {"decoder": "softmax", "loss": "weighted"}, "train": {"batch_pieces": 8}},
    "focal": {"head": {"decoder": "valid", "loss": "focal"}, "weights": WEIGHTS, "auxiliary": {"by": "step"}},
    "consistency": {
        "head": {"decoder": "crf", "consistency": 1.0},
        "weights": WEIGHTS,
        "encoder": {"freeze_layers": 1},
        "knowledge": {"warm_up": 0, "dropout": 0.0},
    },
    "rows": {"head": {"decoder": "softmax"}, "encoder": {"embeddings": "rows"}},
    "frozen": {"head": {"layers": (-1, 1), "mix": "weighted"}, "encoder": {"freeze_layers": 2}},
    "empty-shards": {"train": {"batch": 1}, "encoder": {"embeddings": "rows"}},
    "no-coarse-weight": {
        "train": {"epochs": 3},
        "auxiliary": {"hold": 2},
    },  # the coarse layer gets no gradient in the last epochs
    "patience": {"train": {"epochs": 9, "patience": 1, "groups": {"encoder": {"rate": 0}, "head": {"rate": 0}}}},
}
DROPOUT: dict[str, Any] = {
    "head": {**FULL, "dropout": 0.3, "consistency": 1.0},
    "model": "dropping",
    "knowledge": {"warm_up": 0, "text": 12},
    "train": {"checkpoint_minutes": 1e-9},
}
CUT: dict[str, Any] = {"head": FULL, "train": {"checkpoint_minutes": 1e-9}}
CASES = [
    *({"folder": name, **case} for name, case in SAME.items()),
    {"folder": "whole", **DROPOUT},
    {"folder": "cut", **DROPOUT, "signals": {"1": [3, "SIGINT"]}},
    {"folder": "cut", **DROPOUT},  # resumes
    {"folder": "fewer", **CUT, "signals": {"1": [3, "SIGINT"]}},
    {"folder": "more", **CUT},  # begun by a single process
    {"folder": "killed", **CUT, "signals": {"1": [4, "SIGKILL"]}},  # last, as no second process remains
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def in_two(root: Path, cases: list[dict[str, Any]]) -> list[int]:
    """Run the cases in two processes, as a launcher starts them; returns their exit codes."""
    (root / "cases.json").write_text(json.dumps(cases))
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "helpers.tiny_training", str(root)],
            env={
                **os.environ,
                **place,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "RANK": rank,
                "LOCAL_RANK": rank,
                "OMP_NUM_THREADS": "1",
            },
        )
        for rank in "01"
    ]
    try:
        return [one.wait(200) for one in started]
    finally:
        for one in started:
            one.kill()


def make_encoders(root: Path) -> None:
    """A tiny encoder, and one without its dropout; a knowledge base."""
    knowledge(root / "names", "name,types,description\nrhine,River|City,a river\nbasel,City,\n")
    for name, changes in (("dropping", {}), ("encoder", NO_DROPOUT)):
        (root / name).mkdir()
        tiny.mbert(root / name)
        config = root / name / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))


def run_steps(case: dict[str, Any], root: Path, folder: str, *, steps: int) -> None:
    """Run this many steps in a single process."""
    tuning = tuning_of_case(case, root / "encoder", root / folder)
    cut_before(tuning.trainer, steps=steps)
    with pytest.raises(PowerCut):
        tuning.run()


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes have run all cases."""
    root = tmp_path_factory.mktemp("job")
    make_encoders(root)
    run_steps(CUT, root, "more", steps=2)
    codes = in_two(root, CASES)
    assert codes == [0, -9]
    return root


def result(root: Path, folder: str, rank: int = 0) -> Any:
    return json.loads((root / f"{folder}.{rank}.json").read_text())


def assert_close(one: Path, two: Path) -> None:
    """Weights of two runs are equal up to rounding, which Adam amplifies where gradients are near zero."""
    weights, others = (load_file(folder / "weights.safetensors") for folder in (one, two))
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        assert torch.allclose(value, others[name], rtol=1e-3, atol=2e-4), name


def assert_same_history(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> None:
    assert len(one) == len(two)
    for mine, other in zip(one, two, strict=True):
        assert mine == pytest.approx(other, rel=1e-4, nan_ok=False), mine["epoch"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME)
def test_two_processes_have_the_losses_scores_and_weights_of_one(job: Path, name: str, tmp_path: Path) -> None:
    tuning = tuning_of_case(SAME[name], job / "encoder", tmp_path / "run")
    trainer = tuning.trainer
    norms = record_norms(trainer)
    tuning.run()
    assert result(job, name)["norms"] == pytest.approx(norms, rel=1e-3)
    assert_same_history(result(job, name)["history"], history_without_times(trainer))
    assert_close(job / name, tmp_path / "run")
    if name == "crf":
        assert trainer.progress.history[-1]["dev_macro_f1"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SAME, "whole", "cut"])
def test_processes_stay_equal_to_the_last_bit(job: Path, name: str) -> None:
    first, second = result(job, name), result(job, name, 1)
    assert first["sums"] == second["sums"]
    assert first["history"] == second["history"]


@pytest.mark.slow
def test_interrupted_run_resumes_bit_for_bit_with_dropout(job: Path) -> None:
    whole, cut = (load_file(job / name / CHECKPOINT) for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert result(job, "whole")["history"] == result(job, "cut")["history"]


@pytest.mark.slow
def test_interrupt_of_one_process_stops_both_at_the_same_step(job: Path, tmp_path: Path) -> None:
    assert [result(job, "fewer", rank)["stopped"] for rank in (0, 1)] == ["interrupted"] * 2
    assert [result(job, "fewer", rank)["step"] for rank in (0, 1)] == [1, 1]  # the fourth step is the first of epoch 2
    shutil.copytree(job / "fewer", tmp_path / "fewer")
    alone = tuning_of_case(CUT, job / "encoder", tmp_path / "fewer")
    alone.run()  # with fewer processes
    whole = tuning_of_case(CUT, job / "encoder", tmp_path / "whole")
    whole.run()
    assert_close(tmp_path / "fewer", tmp_path / "whole")
    assert_close(job / "more", tmp_path / "whole")
    assert_same_history(history_without_times(alone.trainer), history_without_times(whole.trainer))
    assert_same_history(result(job, "more")["history"], history_without_times(whole.trainer))


@pytest.mark.slow
def test_killed_process_ends_the_other_and_leaves_a_complete_checkpoint(job: Path, tmp_path: Path) -> None:
    stopped = result(job, "killed")["stopped"]
    assert stopped.startswith("3 another process of this training has ended or does not answer; progress is saved")
    assert not list((job / "killed").glob(".*"))
    shutil.copytree(job / "killed", tmp_path / "killed")
    alone = tuning_of_case(CUT, job / "encoder", tmp_path / "killed")
    alone.run()
    whole = tuning_of_case(CUT, job / "encoder", tmp_path / "whole")
    whole.run()
    assert_close(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.slow
def test_only_the_first_process_writes(job: Path) -> None:
    assert not list((job / "elsewhere").iterdir())


def torchrun(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    line = [*command, "-m", "coner", *map(str, arguments)]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.slow
def test_torchrun_writes_and_reports_one_run(tmp_path: Path) -> None:
    make_encoders(tmp_path)
    sample = ROOT / "src/coner/data/sample"
    config = tmp_path / "c.toml"
    config.write_text(
        f'kind = "encoder"\ndata = {{ train = "{sample}/dev.conll", dev = "{sample}/test.conll" }}\n'
        f'encoder = {{ name = "{tmp_path}/encoder" }}\ntrain = {{ epochs = 1, precision = "float32" }}\n'
    )
    done = torchrun("train", config, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"dev"}  # one object
    assert done.stderr.count("epoch 1/1") == done.stderr.count("2 processes, each on cpu") == 1
    assert (tmp_path / "run/log.txt").read_text().count("epoch 1/1") == 1
    record = json.loads((tmp_path / "run/record.json").read_text())
    assert record["training"]["processes"] == 2
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"encoder", "log.txt", "model.json", "record.json", "tagged.dev.jsonl", "weights.safetensors"}

    again = torchrun("train", config, "--out", tmp_path / "run")
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("already finished") == 1

    wrong = torchrun("train", config, "--set", f"data.dev={tmp_path}/missing.conll", "--out", tmp_path / "other")
    assert wrong.returncode != 0
    assert wrong.stderr.count("missing.conll: no such file; check the path") == 1
    assert "(exitcode: 2)" in wrong.stderr
    assert not (tmp_path / "other").exists()


def test_one_of_several_processes_ends_at_once_with_all_its_output() -> None:
    """Otherwise threads of the connection use an interpreter that is shutting down, and abort the process."""
    code = (
        "import atexit, sys; from coner.cli import main; atexit.register(print, 'wound up'); "
        "sys.argv = ['coner', '--help']; main()"
    )
    outputs = []
    for count in ("1", "2"):
        environment = {**os.environ, "WORLD_SIZE": count, "RANK": "1" if count == "2" else "0"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1] + "wound up\n"
    assert "vote" in outputs[1]


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this process one of two."""

    def become(rank: str) -> None:
        monkeypatch.delenv("MASTER_ADDR", raising=False)
        for name, value in {"WORLD_SIZE": "2", "RANK": rank, "LOCAL_WORLD_SIZE": "2"}.items():
            monkeypatch.setenv(name, value)

    return become


def test_commands_for_one_process_refuse_several(
    two: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two("1")
    config = tmp_path / "crf.toml"
    config.write_text('kind = "crf"\ndata = { train = "missing.conll" }\n')
    for arguments, what in (
        (["train", str(config), "--out", str(tmp_path / "run")], "training a model of kind crf"),
        (["tag", "model", "file"], "coner tag"),
        (["ablate", "config", "--out", "run"], "coner ablate"),
        (["data", "stats", "file"], "coner data"),
    ):
        assert cli.run(arguments) == 2
        line = f"coner: got 2 processes; expected one for {what}. Fix: start it without a launcher"
        assert capsys.readouterr().err.startswith(line)
    assert not (tmp_path / "run").exists()


def test_error_of_all_processes_is_reported_by_the_first_to_raise_it(
    two: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    assert processes.claim_report()
    two("1")
    assert processes.claim_report()  # without a launcher every process reports
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(store.port))
    assert [processes.claim_report() for _ in range(3)] == [True, False, False]
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert processes.claim_report()


def test_processes_need_an_address_and_a_device_each(
    two: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    two("0")
    with pytest.raises(ConfigError, match=r"got 2 processes without MASTER_ADDR"):
        ProcessGroup("cpu")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match="got 2 processes on a machine with 1 accelerators"):
        ProcessGroup("auto")


MEET = (
    "from datetime import timedelta\nfrom coner.core.errors import ConerError\n"
    "from coner.families.encoder.training import process_group\n"
    "process_group.TIMEOUT = timedelta(seconds=1)\n"
    "try: process_group.ProcessGroup('cpu')\nexcept ConerError as error: print(error.exit_code, error)"
)


@pytest.mark.parametrize("taken", [True, False])
def test_reason_why_processes_cannot_connect_is_named(
    two: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    two("0")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1] if taken else free_port()
        for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": "0"}.items():
            monkeypatch.setenv(name, value)
        done = subprocess.run([sys.executable, "-c", MEET], capture_output=True, text=True, timeout=100, check=True)
    if taken:
        assert re.match("2 process 0 of 2 cannot start: .*address already in use", done.stdout)
    else:
        assert re.match(r"3 the 2 processes of this training cannot connect \(.*1/2 clients joined", done.stdout)


def test_process_with_other_data_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    group = ProcessGroup("cpu")
    for first, expected in (("x", True), ("", False)):
        monkeypatch.setattr(group, "broadcast", lambda _text, first=first: first)
        assert group.start("x") is expected
    monkeypatch.setattr(group, "broadcast", lambda _text: "y")
    with pytest.raises(ConfigError, match="got settings, data or encoder files other than those of process 0"):
        group.start("x")


def test_group_of_one_changes_nothing() -> None:
    group = ProcessGroup("cpu")
    state = torch.get_rng_state()
    group.seed(1, 2)
    assert torch.equal(torch.get_rng_state(), state)
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    parameter.grad = gradient = torch.ones(2, 2)
    group.sum_gradients([parameter])
    assert parameter.grad is gradient
    assert group.gather([1, 2]) == [1, 2]
    assert (group.sum([1.5]), group.any(False), group.broadcast("é"), group.shard([1, 2])) == (
        [1.5],
        False,
        "é",
        [1, 2],
    )
    assert group.is_first
