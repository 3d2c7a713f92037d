"""Number of cores and threads to use, and how OpenMP threads wait."""

from __future__ import annotations

import math
import os
from pathlib import Path

from coner.core.processes import local_count

CGROUP = Path("/sys/fs/cgroup/cpu.max")  # limit of a container: "<microseconds> <period in microseconds>", or "max"


def available_cores(quota: Path = CGROUP) -> int:
    """Number of cores that this process may use: its CPU affinity, limited by the quota of its container.

    PyTorch ignores the quota: in a container limited to two cores on a machine with 64 it would start 64 threads.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit, period = quota.read_text(encoding="ascii").split()
        allowed = min(allowed, max(1, math.ceil(int(limit) / int(period))))
    except (OSError, ValueError):  # no such file, or no limit
        pass
    return allowed


def limit_thread_spin() -> None:
    """Let OpenMP threads spin for a millisecond at most before they sleep, unless the user has set how they wait.

    Call it before torch is loaded. A training step has thousands of short parallel loops: with threads that sleep at
    once a step takes a third longer, with a quarter of this spin time 5 % longer. The default of GNU OpenMP is 15 times
    this, and keeps other processes off the core for as long.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")


def thread_count() -> int:
    """Number of threads to compute with: ``OMP_NUM_THREADS`` if set, else this process's share of the cores."""
    requested = os.environ.get("OMP_NUM_THREADS", "")
    if requested.isdecimal() and int(requested):
        return int(requested)
    return max(1, available_cores() // local_count())
