"""Ctrl-C (one line, exit code 130, no partial files), and a closed stderr."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.shell import Completed, World, command

Coner = Callable[..., Completed]


def interrupt(running: subprocess.Popen[str], ready: Callable[[], bool]) -> str:
    """Send Ctrl-C once ``ready``, and return the rest of stderr."""
    deadline = time.monotonic() + 60
    while not ready():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 130
    assert running.stderr is not None
    return running.stderr.read()


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    def run(*arguments: object) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command(*arguments), text=True, **pipes)

    return run


POSIX = pytest.mark.skipif(os.name != "posix", reason="other signals")


@POSIX
def test_interrupted_training_leaves_a_log_and_can_be_repeated(
    coner: Coner, start: Callable[..., subprocess.Popen[str]], world: World, out: Path
) -> None:
    run = out / "run"
    log = run / "log.txt"
    with start("train", *world.settings, "--trials", 200, "--out", run) as running:
        messages = interrupt(running, lambda: log.exists() and log.read_text(encoding="utf-8").count("\n") > 2)
    assert messages.splitlines()[-1] == "coner: interrupted"
    assert "Traceback" not in messages
    assert [path.name for path in run.iterdir()] == ["log.txt"]
    assert coner("train", *world.settings, "--out", run).code == 0
    assert (run / "record.json").exists()


@POSIX
def test_work_continues_after_stderr_is_closed(coner: Coner, world: World, out: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        for arguments, code in ((["train", *world.settings, "--out", out / "run"], 0), (["tag", out / "none", "-"], 2)):
            done = subprocess.run(command(*arguments), stderr=write, stdin=subprocess.DEVNULL, check=False)
            assert done.returncode == code
    finally:
        os.close(write)
    assert (out / "run/record.json").exists()


@POSIX
def test_interrupted_tagging_leaves_no_files(
    start: Callable[..., subprocess.Popen[str]], world: World, out: Path
) -> None:
    with start("tag", world.model, "-", "-o", out / "x.jsonl") as running:
        assert running.stdin is not None
        running.stdin.write("she sang\n")
        running.stdin.flush()
        messages = interrupt(running, lambda: any(out.iterdir()))
    assert messages == "coner: interrupted\n"
    assert not list(out.iterdir())
