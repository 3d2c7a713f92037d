"""Number of cores and threads: container quotas, launchers, and variables set by the user."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coner.core import processes

ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("max 100000", ALL), ("50000 100000", 1), ("100000 100000", 1), ("9900000 100000", min(ALL, 99)), ("odd", ALL)],
)
def test_container_quota_limits_the_cores(tmp_path: Path, text: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert processes.available_cores(tmp_path / "cpu.max") == expected


def test_without_a_quota_file_all_cores_count(tmp_path: Path) -> None:
    assert processes.available_cores(tmp_path / "missing") == ALL


@pytest.mark.parametrize(("value", "expected"), [("3", 3), ("", None), ("0", None), ("many", None)])
def test_omp_num_threads_overrides_the_cores(monkeypatch: pytest.MonkeyPatch, value: str, expected: int | None) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert processes.thread_count() == (expected or processes.available_cores())


@pytest.mark.parametrize(
    ("value", "expected"),
    [({}, "20000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
    ids=["nothing", "count", "policy"],
)
def test_command_line_limits_thread_spin_unless_the_user_sets_it(value: dict[str, str], expected: str) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    code = "import os, sys; sys.argv = ['coner', '--version']\nfrom coner.cli import main\ntry: main()\n"
    code += "finally: print(os.environ.get('GOMP_SPINCOUNT'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**env, **value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-1] == expected


@pytest.mark.skipif(os.name != "posix", reason="other signals")
def test_a_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    child = "import time; from coner.core.processes import end_with_parent; end_with_parent(); print(1, flush=True)"
    parent = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(60)"
    line = [sys.executable, "-c", parent, sys.executable, "-c", f"{child}; time.sleep(60)"]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"1\n"
        running.kill()
        began = time.monotonic()
        assert running.stdout.read() == b""  # once the child, which has it too, has ended
        assert time.monotonic() - began < 30


def test_local_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(processes, "available_cores", lambda: 5)
    for here, expected in (("2", 2), ("9", 1)):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", here)
        assert processes.thread_count() == expected
