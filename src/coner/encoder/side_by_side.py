"""Passes of a network side by side: one thread each, in place of all threads on each loop of one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """``map``, with as many threads as PyTorch would put to one pass.

    The threads of one pass wait for each other after every loop, and while Python goes from one to the next. Threads
    with a pass each do not. For few items they would only wait for the last one, so these are done one by one.
    """
    threads = torch.get_num_threads()
    if threads == 1 or len(items) < 2 * threads:
        yield from map(function, items)
        return
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(function, items)
    finally:
        torch.set_num_threads(threads)  # what a thread sets holds for some libraries as a whole
