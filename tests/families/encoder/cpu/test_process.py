"""Parallel passes: the results of ``map`` in order, one thread for each pass, and the thread count restored."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from coner.families.encoder.cpu.process import parallel_map


@pytest.fixture(autouse=True, params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """The number of PyTorch threads, which must be the same afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 50])
def test_results_are_in_the_order_of_the_items(count: int) -> None:
    def late(item: int) -> int:
        time.sleep(0.002 * (item % 3 == 0))
        return -item

    assert parallel_map(late, range(count)) == [-item for item in range(count)]


def test_each_of_several_items_has_one_thread_and_a_single_one_has_all(threads: int) -> None:
    def seen(_item: int) -> tuple[str, int]:
        time.sleep(0.01)
        return threading.current_thread().name, torch.get_num_threads()

    many, few = parallel_map(seen, range(12)), parallel_map(seen, range(1))
    assert len({name for name, _ in many}) == threads
    assert {number for _, number in many} == {1}
    assert few == [(threading.current_thread().name, threads)]


def test_an_error_is_raised_and_drops_the_remaining_items() -> None:
    begun: list[int] = []

    def fail(item: int) -> int:
        begun.append(item)
        if item == 2:
            raise ValueError("the third")
        time.sleep(0.005)
        return item

    with pytest.raises(ValueError, match="the third"):
        parallel_map(fail, range(500))
    assert len(begun) < 250
