"""The lock of a folder: other processes are kept out, dead ones are not waited for, nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coner.core.errors import OutputError
from coner.core.locks import LOCK, FolderInUse, lock_folder, try_lock_folder

HOLD = """
import sys, time
from pathlib import Path
from coner.core.locks import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""
COUNT = """
import sys
from pathlib import Path
from coner.core.locks import lock_folder
folder = Path(sys.argv[1])
for _ in range(50):
    with lock_folder(folder, wait=True):
        number = int((folder / "number").read_text())
        (folder / "number").write_text(str(number + 1))
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


def test_another_process_is_named_and_a_dead_one_is_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with holder(folder) as process:
        with (
            pytest.raises(FolderInUse, match=f"run: process {process.pid} is writing into it. Fix: wait"),
            lock_folder(folder),
        ):
            pass
        assert try_lock_folder(folder) is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (folder / LOCK).exists()
        with lock_folder(folder):
            assert (folder / LOCK).read_text().startswith(f"{os.getpid()} ")
            (folder / "written").touch()
    assert [path.name for path in folder.iterdir()] == ["written"]


def test_a_block_inside_another_of_the_same_thread_is_free_to_enter(tmp_path: Path) -> None:
    refused = []

    def other() -> None:
        try:
            with lock_folder(tmp_path):
                pass
        except FolderInUse as error:
            refused.append(str(error))

    with lock_folder(tmp_path):
        with lock_folder(tmp_path / ".." / tmp_path.name):
            assert (tmp_path / LOCK).exists()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert f"process {os.getpid()} " in refused[0]
    assert not list(tmp_path.iterdir())


def test_a_folder_made_for_nothing_is_deleted(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock_folder(tmp_path / "new"):
        raise KeyError
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"), lock_folder(tmp_path / "file"):
        pass


def test_waiting_processes_enter_one_after_another(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    both = [subprocess.Popen([sys.executable, "-c", COUNT, tmp_path]) for _ in range(3)]
    assert [process.wait(60) for process in both] == [0] * 3
    assert (tmp_path / "number").read_text() == "150"
    assert [path.name for path in tmp_path.iterdir()] == ["number"]
