"""Threads are chosen by measured speed, without a trace in the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
import torch

from coner.families.encoder.cpu.threads import choose_threads


@pytest.fixture(autouse=True)
def same_threads_after() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({1: 0.10, 2: 0.06}, 2),
        ({1: 0.10, 2: 0.09}, 1),  # the other core is busy
        ({1: 0.10, 2: 3.00}, 1),
        ({1: 0.10, 2: 0.09, 4: 0.04, 8: 0.05}, 4),
        ({1: 0.10, 3: 0.04, 6: 0.02}, 6),
        ({1: 9.0}, 1),
    ],
)
def test_more_threads_are_used_where_they_are_faster(seconds: Mapping[int, float], chosen: int) -> None:
    now, tried = 0.0, list[int]()

    def trial() -> None:
        nonlocal now
        tried.append(torch.get_num_threads())
        now += seconds[tried[-1]] + (5.0 if len(tried) <= len(seconds) else 0.0)  # the first round warms up

    choice = choose_threads(trial, max(seconds), clock=lambda: now)
    assert (choice.threads, torch.get_num_threads()) == (chosen, chosen)
    assert choice.seconds == pytest.approx(dict(seconds))
    assert f"threads: {chosen} " in str(choice)
    assert "1: 1.0" in str(choice)
