"""Several processes that train one tagger: two real ones, over gloo, beside one."""

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
from coner.families.encoder.training.team import Team
from helpers import ROOT, tiny, together

FULL = {"layers": (-1, -2, -3), "mix": "concat", "context": "bilstm", "blend": "concat", "decoder": "crf"}
WEIGHTS = [1.0, 0.3, 2.0, 1.0, 0.7, 1.0] * 2
SAME: dict[str, dict[str, Any]] = {  # batches of 5 of 12 sentences: the last has 2; shares of 3 and 2, 1 and 1
    "crf": {"head": FULL, "weights": WEIGHTS},
    "weighted": {"head": {"decoder": "softmax", "loss": "weighted"}, "train": {"batch_pieces": 8}},
    "focal": {"head": {"decoder": "valid", "loss": "focal"}, "weights": WEIGHTS, "auxiliary": {"by": "step"}},
    "rows": {"head": {"decoder": "softmax"}, "encoder": {"embeddings": "rows"}},
    "empty-shares": {"train": {"batch": 1}, "encoder": {"embeddings": "rows"}},
    "no-coarse-weight": {"train": {"epochs": 3}, "auxiliary": {"hold": 2}},  # the coarse layer loses its gradient
    "patience": {"train": {"epochs": 9, "patience": 1, "groups": {"encoder": {"rate": 0}, "head": {"rate": 0}}}},
}
DROPOUT: dict[str, Any] = {"head": {**FULL, "dropout": 0.3}, "model": "dropping", "train": {"checkpoint_minutes": 1e-9}}
CUT: dict[str, Any] = {"head": FULL, "train": {"checkpoint_minutes": 1e-9}}
CASES = [
    *({"folder": name, **case} for name, case in SAME.items()),
    {"folder": "whole", **DROPOUT},
    {"folder": "cut", **DROPOUT, "signals": {"1": [3, "SIGINT"]}},
    {"folder": "cut", **DROPOUT},  # goes on
    {"folder": "fewer", **CUT, "signals": {"1": [3, "SIGINT"]}},
    {"folder": "more", **CUT},  # one process has begun it
    {"folder": "killed", **CUT, "signals": {"1": [4, "SIGKILL"]}},  # the last: no second process is left
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def in_two(root: Path, cases: list[dict[str, Any]]) -> list[int]:
    """The cases in two processes, which know each other as a launcher would have it; their exit codes."""
    (root / "cases.json").write_text(json.dumps(cases))
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    begun = [
        subprocess.Popen(
            [sys.executable, "-m", "helpers.together", str(root)],
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
        return [one.wait(200) for one in begun]
    finally:
        for one in begun:
            one.kill()


def make_encoders(root: Path) -> None:
    """A tiny encoder, and one without its dropout."""
    for name, changes in (("dropping", {}), ("encoder", together.STEADY)):
        (root / name).mkdir()
        tiny.mbert(root / name)
        config = root / name / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))


class Stop(Exception):
    """Stands for a power cut."""


def begin(case: dict[str, Any], root: Path, folder: str, *, steps: int) -> None:
    """So many steps, by one process."""
    trainer = together.trainer_of(case, root / "encoder", root / folder)
    step = trainer._step

    def cut(chosen: Any) -> None:
        if trainer.progress.epoch * trainer.steps + trainer.progress.step == steps:
            raise Stop
        step(chosen)

    trainer._step = cut  # type: ignore[method-assign]
    with pytest.raises(Stop):
        trainer.run()


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes have gone through all cases."""
    root = tmp_path_factory.mktemp("job")
    make_encoders(root)
    begin(CUT, root, "more", steps=2)
    codes = in_two(root, CASES)
    assert codes == [0, -9]
    return root


def told(root: Path, folder: str, rank: int = 0) -> Any:
    return json.loads((root / f"{folder}.{rank}.json").read_text())


def assert_close(one: Path, two: Path) -> None:
    """Weights of two runs, within rounding (Adam makes steps of near-zero gradients large, so not of its size)."""
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
def test_two_processes_come_to_the_losses_scores_and_weights_of_one(job: Path, name: str, tmp_path: Path) -> None:
    trainer = together.trainer_of(SAME[name], job / "encoder", tmp_path / "run")
    norms = together.note_norms(trainer)
    trainer.run()
    assert told(job, name)["norms"] == pytest.approx(norms, rel=1e-3)
    assert_same_history(told(job, name)["history"], together.timeless(trainer))
    assert_close(job / name, tmp_path / "run")
    if name == "crf":  # there was something to get right
        assert trainer.progress.history[-1]["dev_macro_f1"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SAME, "whole", "cut"])
def test_the_processes_stay_equal_to_the_last_bit(job: Path, name: str) -> None:
    first, second = told(job, name), told(job, name, 1)
    assert first["sums"] == second["sums"]
    assert first["history"] == second["history"]


@pytest.mark.slow
def test_a_run_that_was_cut_goes_on_bit_for_bit_with_dropout(job: Path) -> None:
    whole, cut = (load_file(job / name / CHECKPOINT) for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert told(job, "whole")["history"] == told(job, "cut")["history"]


@pytest.mark.slow
def test_a_stop_asked_of_one_process_stops_both_at_one_step(job: Path, tmp_path: Path) -> None:
    assert [told(job, "fewer", rank)["stopped"] for rank in (0, 1)] == ["interrupted"] * 2
    assert [told(job, "fewer", rank)["step"] for rank in (0, 1)] == [1, 1]  # the fourth step is the first of epoch 2
    shutil.copytree(job / "fewer", tmp_path / "fewer")
    alone = together.trainer_of(CUT, job / "encoder", tmp_path / "fewer")
    alone.run()  # with fewer processes
    whole = together.trainer_of(CUT, job / "encoder", tmp_path / "whole")
    whole.run()
    assert_close(tmp_path / "fewer", tmp_path / "whole")
    assert_close(job / "more", tmp_path / "whole")
    assert_same_history(together.timeless(alone), together.timeless(whole))
    assert_same_history(told(job, "more")["history"], together.timeless(whole))


@pytest.mark.slow
def test_a_killed_process_ends_the_other_and_the_checkpoint_is_whole(job: Path, tmp_path: Path) -> None:
    left = told(job, "killed")["stopped"]
    assert left.startswith("3 another process of this training has ended or is silent; progress is saved")
    assert not list((job / "killed").glob(".*"))
    shutil.copytree(job / "killed", tmp_path / "killed")
    alone = together.trainer_of(CUT, job / "encoder", tmp_path / "killed")
    alone.run()
    whole = together.trainer_of(CUT, job / "encoder", tmp_path / "whole")
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
def test_under_torchrun_one_run_is_written_and_told_once(tmp_path: Path) -> None:
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
    assert again.stderr.count("finished already") == 1

    wrong = torchrun("train", config, "--set", f"data.dev={tmp_path}/missing.conll", "--out", tmp_path / "other")
    assert wrong.returncode != 0
    assert wrong.stderr.count("missing.conll: no such file; check the path") == 1
    assert "(exitcode: 2)" in wrong.stderr
    assert not (tmp_path / "other").exists()


def test_one_of_several_processes_ends_at_once_with_all_that_it_said() -> None:
    """Threads of the link would else ask for an interpreter that goes down, and abort the process."""
    code = (
        "import atexit, sys; from coner.cli import main; atexit.register(print, 'wound up'); "
        "sys.argv = ['coner', '--help']; main()"
    )
    said = []
    for count in ("1", "2"):
        environment = {**os.environ, "WORLD_SIZE": count, "RANK": "1" if count == "2" else "0"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        said.append(done.stdout)
    assert said[0] == said[1] + "wound up\n"
    assert "vote" in said[1]


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this process one of two."""

    def become(rank: str) -> None:
        monkeypatch.delenv("MASTER_ADDR", raising=False)
        for name, value in {"WORLD_SIZE": "2", "RANK": rank, "LOCAL_WORLD_SIZE": "2"}.items():
            monkeypatch.setenv(name, value)

    return become


def test_what_has_no_use_for_several_processes_refuses_them(
    two: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two("1")
    config = tmp_path / "crf.toml"
    config.write_text('kind = "crf"\ndata = { train = "missing.conll" }\n')
    for arguments, what in (
        (["train", str(config), "--out", str(tmp_path / "run")], "the training of a CRF"),
        (["tag", "model", "file"], "coner tag"),
        (["ablate", "config", "--out", "run"], "coner ablate"),
        (["data", "stats", "file"], "coner data"),
    ):
        assert cli.run(arguments) == 2
        line = f"coner: got 2 processes; expected one for {what}. Fix: start it without a launcher"
        assert capsys.readouterr().err.startswith(line)
    assert not (tmp_path / "run").exists()


def test_what_ends_all_processes_is_told_by_the_first_to_know(
    two: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    assert processes.claim_report()
    two("1")
    assert processes.claim_report()  # no launcher keeps count
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(store.port))
    assert [processes.claim_report() for _ in range(3)] == [True, False, False]
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert processes.claim_report()


def test_processes_without_a_place_to_meet_or_a_device_each_are_refused(
    two: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    two("0")
    with pytest.raises(ConfigError, match=r"tells of 2 processes, but not where they meet \(MASTER_ADDR\)"):
        Team("cpu")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match="2 processes were started on a machine of 1 accelerators"):
        Team("auto")


MEET = (
    "from datetime import timedelta\nfrom coner.core.errors import ConerError\n"
    "from coner.families.encoder.training import team\n"
    "team.SILENCE = timedelta(seconds=1)\n"
    "try: team.Team('cpu')\nexcept ConerError as error: print(error.exit_code, error)"
)


@pytest.mark.parametrize("taken", [True, False])
def test_what_keeps_the_processes_from_meeting_is_named(
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
        assert re.match(r"3 the 2 processes of this training do not meet \(.*1/2 clients joined", done.stdout)


def test_a_process_of_other_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team("cpu")
    for first, expected in (("x", True), ("", False)):
        monkeypatch.setattr(team, "tell", lambda _task, first=first: first)
        assert team.agree("x") is expected
    monkeypatch.setattr(team, "tell", lambda _task: "y")
    with pytest.raises(ConfigError, match="was given other settings, data or encoder files than process 0"):
        team.agree("x")


def test_a_team_of_one_changes_nothing() -> None:
    team = Team("cpu")
    state = torch.get_rng_state()
    team.seed(1, 2)
    assert torch.equal(torch.get_rng_state(), state)
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    parameter.grad = gradient = torch.ones(2, 2)
    team.sum_gradients([parameter])
    assert parameter.grad is gradient
    rows = torch.arange(6).view(3, 2)
    assert team.gather(rows) is rows
    assert (team.sum([1.5]), team.any(False), team.tell("é"), team.share([1, 2])) == ([1.5], False, "é", [1, 2])
    assert team.first
