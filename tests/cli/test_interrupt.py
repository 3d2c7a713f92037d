"""Ctrl-C (one line, exit code 130, no partial files), and a closed stderr."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
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


UP = """
import sys
import coner.cli
class Finder:  # prints a line when the first of the modules is imported
    def find_spec(self, name, *_):
        sys.meta_path.remove(self)
        print("up", flush=True)
sys.meta_path.insert(0, Finder())
coner.cli.main()
"""

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
def test_ctrl_c_at_any_moment_ends_with_130_and_one_line(world: World, tmp_path: Path) -> None:
    """While the commands and the libraries are imported, while data are read, and while the interpreter ends."""
    arguments = ["train", *world.settings, "--out", tmp_path / "run"]
    began = time.monotonic()
    assert _interrupted(arguments, None, tmp_path) == (0, "")
    whole = time.monotonic() - began
    codes = set()
    for part in range(6):
        code, messages = _interrupted(arguments, whole * part / 6, tmp_path)
        codes.add(code)
        assert "Traceback" not in messages
        assert "Exception ignored" not in messages
        assert code != 130 or messages.splitlines()[-1] == "coner: interrupted"
    assert 130 in codes <= {0, 130, -signal.SIGINT}  # the last is what a shell calls 130: the interpreter had ended


def _interrupted(arguments: Sequence[object], after: float | None, folder: Path) -> tuple[int, str]:
    """Start a command afresh and send Ctrl-C after some seconds; the exit code and the messages, if it was sent."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    line = [sys.executable, "-c", UP, *map(str, arguments)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "up\n"
        if after is not None:
            time.sleep(after)
            running.send_signal(signal.SIGINT)
        messages = running.communicate(timeout=60)[1]
        return running.returncode, "" if after is None else messages


@POSIX
def test_an_interrupt_that_a_library_swallows_in_a_callback_or_replaces_is_not_lost() -> None:
    code = (
        "import os, signal, sys, weakref\nfrom coner.core.interrupts import watch_interrupts\n"
        "class Thing: pass\n"
        "def callback(_): os.kill(os.getpid(), signal.SIGINT)\n"
        "try:\n"
        "    with watch_interrupts() as interrupted:\n"
        "        thing = Thing(); reference = weakref.ref(thing, callback); del thing\n"
        "        for _ in range(10**7): pass\n"
        "except KeyboardInterrupt: sys.exit(7 + interrupted())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (8, "")


@POSIX
def test_ignored_ctrl_c_stays_ignored(world: World) -> None:
    line = [
        "bash",
        "-c",
        "trap '' INT; \"$@\" & pid=$!; sleep 0.3; kill -INT $pid; wait $pid",
        "x",
        sys.executable,
        "-m",
    ]
    done = subprocess.run([*line, "coner", "data", "stats", world.train], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


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
