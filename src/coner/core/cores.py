"""How many cores there are to use, and how threads wait for one another."""

from __future__ import annotations

import math
import os
from pathlib import Path

from coner.core.processes import local_count

CGROUP = Path("/sys/fs/cgroup/cpu.max")  # of a container: "<microseconds> <of how many>", or "max"


def available_cores(quota: Path = CGROUP) -> int:
    """Cores that this process may use: those that it may run on, and no more than a container's share pays for.

    PyTorch looks at the first alone; in a container with two cores' time on a machine of 64 it would start 64 threads.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text(encoding="ascii").split()
        allowed = min(allowed, max(1, math.ceil(int(share) / int(period))))
    except (OSError, ValueError):  # no such file, or no limit
        pass
    return allowed


def limit_thread_spin() -> None:
    """Have OpenMP's threads spin for a millisecond at most, then sleep, unless the user says how they are to wait.

    To be called before torch is loaded. A training step has thousands of short parallel loops, and threads that sleep
    must be woken for each: asleep at once, a step takes a third longer or more; after a quarter of this time, 5 %.
    Threads that spin for long, as GNU's do by default (15 times this), keep any other process from their core as long.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")


def thread_count() -> int:
    """Threads to compute with: ``OMP_NUM_THREADS`` where it is set, else one a core that this process has to itself."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else max(1, available_cores() // local_count())
