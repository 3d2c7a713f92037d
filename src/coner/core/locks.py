"""One lock for whatever writes a folder: a run, a model, tagged files, a list of runs.

The file ``.lock`` in the folder is locked by the system, which releases the lock of a dead process, however it died.
The file names the process, and is deleted with the lock. Processes of one machine always exclude each other. On a
network drive those of other machines do where its server supports locks (NFS 4, most NFS 3, SMB); where the file system
has none, the lock is refused rather than ignored.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from coner.core.errors import OutputError
from coner.core.files import make_folder, write_error

LOCK = ".lock"
_held: dict[Path, tuple[int, int]] = {}  # by folder: process and thread


class FolderInUse(OutputError):
    """Another process writes into a folder."""


@contextmanager
def lock_folder(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Keep other processes and threads from writing into a folder.

    A missing one is created, and deleted again if nothing is written. A block for the same folder in another one of the
    same thread is free to enter. ``wait`` waits for the others; without it ``FolderInUse`` names the process.
    ``OutputError`` if the folder cannot be written.
    """
    place, own = folder.resolve(), (os.getpid(), threading.get_ident())
    created = not place.exists()
    if _held.get(place) == own:
        yield
        return
    path = make_folder(place) / LOCK
    lock = FileLock(path, fallback_to_soft=False)  # such a lock would outlive a killed process
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        fix = "Fix: wait for it, or name another folder"
        raise FolderInUse(f"{folder}: {_owner(path)} is writing into it. {fix}") from None
    except OSError as error:
        raise write_error(place, error) from None
    try:
        _held[place] = own
        with suppress(OSError):  # Windows, where nobody else may read it either
            path.write_text(f"{os.getpid()} {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        _held.pop(place, None)
        with suppress(OSError):  # gone, with its folder
            path.unlink()  # under the lock: who waits for this file finds that it is gone, and makes another
            if created:
                place.rmdir()  # fails if something was written, as it mostly was
        lock.release()


def try_lock_folder(folder: Path) -> AbstractContextManager[object] | None:
    """Lock a folder until the ``with`` block of the result ends; ``None`` if another process has it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_folder(folder))
        except FolderInUse:
            return None
        return stack.pop_all()


def _owner(path: Path) -> str:
    """The process that has the lock, as far as is known."""
    with suppress(OSError, ValueError):
        process, host = path.read_text(encoding="utf-8").split()
        return f"process {int(process)}" + (f" on {host}" if host != socket.gethostname() else "")
    return "another process"
