"""Run the passes of a network in parallel, with one thread each instead of all threads on one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The results in order, computed by as many workers as torch has threads, each with one thread.

    Threads that share a pass wait for each other after every loop, and while Python moves from one loop to the next;
    workers with a pass each do not. A thread of the caller that uses torch for the first time meanwhile inherits the
    thread count of that moment: one. After an error or Ctrl-C the running items are finished and the others dropped.
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
        torch.set_num_threads(threads)  # some libraries share the setting of a thread with the whole process


def _use_one_thread() -> None:
    torch.get_num_threads()  # the first call of a thread copies the setting of the process
    torch.set_num_threads(1)
