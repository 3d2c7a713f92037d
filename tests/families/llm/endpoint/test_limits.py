"""Rate and budget, on a clock that only sleeping moves."""

from __future__ import annotations

import time

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.families.llm.endpoint.limits import Estimate, Pace, Purse, Usage
from coner.families.llm.settings import Budget, Prices
from helpers.asking import client, prompt
from helpers.fake_endpoint import serving


class Clock:
    now = 100.0

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def times(pace: Pace, clock: Clock, tokens: list[int]) -> list[float]:
    """When each call went."""

    async def run() -> list[float]:
        return [(await pace.take(count)).at for count in tokens]

    return anyio.run(run)


@given(st.lists(st.integers(1, 60), max_size=30), st.integers(0, 5), st.integers(0, 100))
def test_no_window_of_a_minute_holds_more_than_allowed(tokens: list[int], requests: int, most: int) -> None:
    clock = Clock()
    at = times(Pace(requests, most, clock=lambda: clock.now, sleep=clock.sleep), clock, tokens)
    assert at == sorted(at)
    for i, begin in enumerate(at):
        window = [tokens[k] for k in range(i, len(at)) if at[k] < begin + 59.999]
        assert not requests or len(window) <= requests
        assert not most or sum(window) <= most or len(window) == 1
    if not requests and not most:
        assert clock.now == 100


def test_calls_go_as_soon_as_they_may() -> None:
    clock = Clock()
    assert times(Pace(2, 0, clock=lambda: clock.now, sleep=clock.sleep), clock, [1] * 5) == [100, 100, 160, 160, 220]


def test_what_a_call_really_used_counts() -> None:
    clock = Clock()
    pace = Pace(0, 100, clock=lambda: clock.now, sleep=clock.sleep)

    async def run() -> tuple[float, float]:
        (await pace.take(100)).tokens = 30
        second = await pace.take(70)
        return second.at, (await pace.take(1)).at

    assert anyio.run(run) == (100, 160)


def test_a_pause_holds_for_all() -> None:
    clock = Clock()
    pace = Pace(0, 0, clock=lambda: clock.now, sleep=clock.sleep)
    pace.pause(7)
    pace.pause(3)
    assert times(pace, clock, [1, 1]) == [107, 107]


def test_the_client_keeps_to_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "WINDOW", 0.5)
    with serving() as end:
        began = time.monotonic()
        list(client(end.url, requests_per_minute=3)(prompt(str(i)) for i in range(7)))
        assert time.monotonic() - began >= 1.0


def test_a_call_that_does_not_fit_waits_for_those_in_flight() -> None:
    async def run() -> list[bool]:
        purse = Purse(Budget(tokens=100), Prices())
        got = [await purse.hold(Usage(30, 30))]

        async def free() -> None:
            await anyio.sleep(0.01)
            purse.settle(Usage(30, 30), Usage(5, 5))

        async with anyio.create_task_group() as group:
            group.start_soon(free)
            got.append(await purse.hold(Usage(30, 60)))
        purse.settle(Usage(30, 60), Usage(30, 60))
        got += [await purse.hold(Usage(1, 0)), await purse.hold(Usage(0, 0))]
        assert purse.spent
        return got

    assert anyio.run(run) == [True, True, False, False]


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1)), max_size=40),
    st.integers(1, 500),
    st.floats(0.0001, 0.01),
)
def test_a_purse_is_never_overdrawn(calls: list[tuple[int, int, float]], tokens: int, cost: float) -> None:
    prices = Prices(prompt=3, completion=7)
    purse, used = Purse(Budget(tokens=tokens, cost=cost), prices), list[Usage]()

    async def run() -> None:
        flying = list[tuple[Usage, Usage]]()
        for size, answer, share in calls:
            most = Usage(size, answer)
            with anyio.move_on_after(0.001) as scope:
                if await purse.hold(most):
                    flying.append((most, Usage(size, int(answer * share))))
            if scope.cancelled_caught or len(flying) > 3:
                done = flying.pop(0)
                purse.settle(*done)
                used.append(done[1])

    anyio.run(run)
    assert sum(usage.total for usage in used) <= tokens
    assert sum(usage.cost(prices) for usage in used) <= cost + 1e-12


def test_the_estimate_learns_from_what_was_counted() -> None:
    estimate, text = Estimate(), prompt("word " * 100, max_tokens=5)
    assert estimate.tokens("") == 0
    first = estimate.most(text)
    estimate.learn(text, 3 * first.prompt)
    assert estimate.most(text).prompt == pytest.approx(3 * first.prompt, abs=1)
    estimate.learn(text, 1)
    assert estimate.most(text).prompt == pytest.approx(3 * first.prompt, abs=1)
    assert first.completion == 5
