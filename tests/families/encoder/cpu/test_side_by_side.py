"""Passes side by side: what ``map`` gives, in order; each alone on its thread; the machine left as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from coner.families.encoder.cpu.side_by_side import side_by_side


@pytest.fixture(autouse=True, params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """That many threads for PyTorch, and that number still so afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 50])
def test_results_come_in_the_order_of_the_items(count: int) -> None:
    def late(item: int) -> int:
        time.sleep(0.002 * (item % 3 == 0))
        return -item

    assert side_by_side(late, range(count)) == [-item for item in range(count)]


def test_items_have_a_thread_each_and_one_has_all(threads: int) -> None:
    def seen(_item: int) -> tuple[str, int]:
        time.sleep(0.01)
        return threading.current_thread().name, torch.get_num_threads()

    many, few = side_by_side(seen, range(12)), side_by_side(seen, range(1))
    assert len({name for name, _ in many}) == threads
    assert {number for _, number in many} == {1}
    assert few == [(threading.current_thread().name, threads)]


def test_an_error_comes_through_and_ends_the_rest() -> None:
    begun: list[int] = []

    def fail(item: int) -> int:
        begun.append(item)
        if item == 2:
            raise ValueError("the third")
        time.sleep(0.005)
        return item

    with pytest.raises(ValueError, match="the third"):
        side_by_side(fail, range(500))
    assert len(begun) < 250
