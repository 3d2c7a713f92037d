"""The process: its launcher (torchrun, accelerate, mpirun), its cores and OpenMP threads, and Ctrl-C."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType

from coner.core.errors import ConfigError

# The variables that accelerate reads too.
COUNT = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
RANK = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
LOCAL_COUNT = ("LOCAL_WORLD_SIZE", "MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE")
STORE_TIMEOUT = timedelta(seconds=5)
PARENT_INTERVAL = 0.5  # seconds between two looks at the parent
CGROUP = Path("/sys/fs/cgroup/cpu.max")  # limit of a container: "<microseconds> <period in microseconds>", or "max"


def count() -> int:
    """Number of processes; 1 without a launcher."""
    return max(1, _read(COUNT, 1))


def rank() -> int:
    """Number of this process, from 0; process 0 writes the files and reports."""
    return _read(RANK, 0)


def local_count() -> int:
    """Number of processes on this machine."""
    return max(1, _read(LOCAL_COUNT, 1))


def require_single_process(what: str) -> None:
    """``ConfigError`` if there are several processes, each of which would write the same files."""
    if count() > 1:
        fix = "start it without a launcher (and without WORLD_SIZE in the environment)"
        raise ConfigError(f"got {count()} processes; expected one for {what}. Fix: {fix}")


def claim_report() -> bool:
    """Whether this is the first process to ask, so that an error of all processes is printed once.

    The launcher's store keeps the count, as torchrun and accelerate provide it. Without one, every process reports.
    """
    if count() == 1:
        return True
    try:
        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = TCPStore(*address, is_master=False, timeout=STORE_TIMEOUT)
        return bool(store.add(f"coner/{start}/reported", 1) == 1)
    except (ImportError, KeyError, ValueError, RuntimeError):
        return True


def end_with_parent() -> None:
    """End this process, as by SIGTERM, as soon as its parent has died, even if that was killed.

    The processes of a killed launcher would otherwise continue to train, and keep the lock on the run's folder.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_INTERVAL)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="coner-parent", daemon=True).start()


def available_cores(quota: Path = CGROUP) -> int:
    """Number of cores that this process may use: its CPU affinity, limited by the quota of its container.

    PyTorch ignores the quota: in a container limited to two cores on a machine with 64 it would start 64 threads.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no such file, or no limit
        limit, period = quota.read_text(encoding="ascii").split()
        allowed = min(allowed, max(1, math.ceil(int(limit) / int(period))))
    return allowed


def limit_thread_spin() -> None:
    """Let OpenMP threads spin for a millisecond at most before they sleep, unless the user has set how they wait.

    Call it before torch is loaded. A training step has thousands of short parallel loops: with threads that sleep at
    once a step takes a third longer, with a quarter of this spin time 5 % longer. The default of GNU OpenMP is 15 times
    this, and keeps other processes off the core for as long.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")


def requested_threads() -> int:
    """``OMP_NUM_THREADS``; 0 if it is not set."""
    requested = os.environ.get("OMP_NUM_THREADS", "")
    return int(requested) if requested.isdecimal() else 0


def thread_count() -> int:
    """Number of threads to compute with: ``OMP_NUM_THREADS`` if set, else this process's share of the cores."""
    return requested_threads() or max(1, available_cores() // local_count())


def _read(names: tuple[str, ...], default: int) -> int:
    values = (os.environ[name] for name in names if os.environ.get(name, "").isdecimal())
    return int(next(values, default))


@contextmanager
def defer_interrupt() -> Iterator[Callable[[], bool]]:
    """Within the block the first Ctrl-C only sets a flag, which the yielded function reads; a second one interrupts."""
    requested = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True

    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread only
        yield lambda: False
        return
    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: requested
    finally:
        signal.signal(signal.SIGINT, previous)
