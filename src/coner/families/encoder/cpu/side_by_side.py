"""Passes of a network side by side: one thread each, in place of all threads on each loop of one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The results in order, worked out by as many threads as PyTorch would put to one pass.

    The threads of one pass wait for each other after every loop, and while Python goes from one to the next. Threads
    with a pass each do not. Another thread of the caller's that uses torch for the first time meanwhile takes over the
    number of threads as it is then: one. After an error or Ctrl-C what is under way is waited for, and the rest is not
    begun.
    """
    threads = torch.get_num_threads()
    if min(threads, len(items)) < 2:
        return [function(item) for item in items]
    try:
        with ThreadPoolExecutor(min(threads, len(items)), initializer=_alone) as pool:
            try:
                return list(pool.map(function, items))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(threads)  # what a thread sets holds for some libraries as a whole


def _alone() -> None:
    torch.get_num_threads()  # at its first look a thread takes over the number of the process
    torch.set_num_threads(1)
