"""Threads, memory and random generators of this process."""

from __future__ import annotations

import ctypes
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch

from coner.core.processes import thread_count

Item = TypeVar("Item")
Result = TypeVar("Result")
TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8  # parameters of glibc's mallopt(3)


def configure_process(threads: int = 0) -> None:
    """Compute with ``threads`` threads (0: one per core), and let glibc keep freed memory for the rest of this process.

    Otherwise glibc returns large blocks to the system, which it soon requests again, page by page and zeroed. A step
    frees and allocates hundreds of megabytes: gradients, copies of weights in bfloat16.
    """
    torch.set_num_threads(threads or thread_count())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    if mallopt is not None:  # else another C library
        # One arena, so that the next step can use the memory that the threads of an evaluation have freed.
        for parameter, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (ARENA_MAX, 1)):
            mallopt(parameter, value)


@contextmanager
def restored_process() -> Iterator[None]:
    """Restore the random generators and the number of threads, which training sets, when the block ends.

    Otherwise a search that draws from the generators would draw the same values after each training.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        torch.set_num_threads(threads)


def parallel_map(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The results in order, computed by as many workers as torch has threads, each with one thread.

    Threads that share a pass wait for each other after every loop, and while Python moves from one loop to the next;
    workers with a pass each do not. A thread of the caller that uses torch for the first time during the call inherits
    a thread count of one. After an error or Ctrl-C the running items are finished and the others dropped.
    """
    threads = torch.get_num_threads()
    if min(threads, len(items)) < 2:
        return [function(item) for item in items]
    try:
        with ThreadPoolExecutor(min(threads, len(items)), initializer=_use_one_thread) as pool:
            try:
                return list(pool.map(function, items))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(threads)  # some OpenMP libraries apply a thread's setting to the whole process


def _use_one_thread() -> None:
    torch.get_num_threads()  # the first call of a thread copies the setting of the process
    torch.set_num_threads(1)
