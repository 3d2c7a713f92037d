"""Two processes that write one folder: one is refused and named, nothing is mixed, a killed one is taken over."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coner.core.locks import LOCK, lock_folder
from helpers.shell import Completed, World, command, process, refusal

Coner = Callable[..., Completed]


@pytest.fixture
def training(world: World, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A training that has begun, and does not end soon."""
    log = tmp_path / "run" / "log.txt"
    arguments = command("train", *world.settings, "--trials", 500, "--out", log.parent)
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL, text=True) as running:
        deadline = time.monotonic() + 60
        while not (log.exists() and log.stat().st_size):
            assert running.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        yield running
        running.kill()


def test_every_command_that_writes_a_run_refuses_the_folder_of_another_process(
    training: subprocess.Popen[str], coner: Coner, world: World, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    before = (out / "log.txt").read_bytes().splitlines()[0]
    commands = [
        ("train", *world.settings, "--seed", 7, "--out", out),
        ("train", *world.settings, "--out", out, "--overwrite"),
        ("tag", world.model, world.train, world.dev, "-o", f"{out}/"),
        ("data", "split", world.train, "--out", out),
    ]
    for arguments in commands:
        assert f"run: process {training.pid} is writing into it. Fix: wait" in refusal(coner(*arguments))
    assert (out / "log.txt").read_bytes().splitlines()[0] == before
    assert not [path for path in out.iterdir() if path.name not in {"log.txt", LOCK}]


def test_a_killed_training_is_taken_over(
    training: subprocess.Popen[str], coner: Coner, world: World, tmp_path: Path
) -> None:
    training.send_signal(signal.SIGKILL)
    training.wait()
    out = tmp_path / "run"
    assert (out / LOCK).exists()
    assert coner("train", *world.settings, "--out", out).code == 0
    assert not (out / LOCK).exists()


def test_two_trainings_at_once_leave_the_record_and_the_model_of_one(world: World, tmp_path: Path) -> None:
    out, seeds = tmp_path / "run", (1, 2)
    both = [
        subprocess.Popen(command("train", *world.settings, "--seed", seed, "--out", out), stderr=subprocess.PIPE)
        for seed in seeds
    ]
    codes = {
        seed: (running.wait(60), running.communicate()[1].decode()) for seed, running in zip(seeds, both, strict=True)
    }
    assert sorted(code for code, _ in codes.values()) == [0, 2]
    (won,) = (seed for seed, (code, _) in codes.items() if not code)
    (lost,) = (message for code, message in codes.values() if code)
    assert "is writing into it" in lost or "contains a finished run with other settings" in lost
    for name in ("record.json", "model.json"):
        settings = json.loads((out / name).read_text(encoding="utf-8"))["settings"]
        assert settings["seed"] == won


def test_a_folder_that_is_only_read_needs_no_lock(coner: Coner, world: World) -> None:
    with lock_folder(world.model):
        assert process("train", *world.settings, "--out", world.model).code == 0
