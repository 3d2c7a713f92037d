"""Rate and budget, with a clock that advances only by sleeping."""

from __future__ import annotations

import time

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.families.llm.endpoint.limits import BudgetLimiter, RateLimiter, TokenEstimator, Tokens
from coner.families.llm.endpoint.settings import Prices
from coner.families.usage import Spending
from helpers.fake_endpoint import serving
from helpers.llm_client import client, prompt


class Clock:
    now = 100.0

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def times(rate: RateLimiter, clock: Clock, tokens: list[int]) -> list[float]:
    """The time at which each call was allowed."""

    async def run() -> list[float]:
        return [(await rate.acquire(count)).at for count in tokens]

    return anyio.run(run)


@given(st.lists(st.integers(1, 60), max_size=30), st.integers(0, 5), st.integers(0, 100))
def test_no_window_of_a_minute_exceeds_the_rate(tokens: list[int], requests: int, maximum: int) -> None:
    clock = Clock()
    at = times(RateLimiter(requests, maximum, clock=lambda: clock.now, sleep=clock.sleep), clock, tokens)
    assert at == sorted(at)
    for i, begin in enumerate(at):
        window = [tokens[k] for k in range(i, len(at)) if at[k] < begin + 59.999]
        assert not requests or len(window) <= requests
        assert not maximum or sum(window) <= maximum or len(window) == 1
    if not requests and not maximum:
        assert clock.now == 100


def test_calls_are_allowed_as_early_as_possible() -> None:
    clock = Clock()
    assert times(RateLimiter(2, 0, clock=lambda: clock.now, sleep=clock.sleep), clock, [1] * 5) == [
        100,
        100,
        160,
        160,
        220,
    ]


def test_a_slot_counts_the_tokens_that_its_call_used() -> None:
    clock = Clock()
    rate = RateLimiter(0, 100, clock=lambda: clock.now, sleep=clock.sleep)

    async def run() -> tuple[float, float]:
        (await rate.acquire(100)).tokens = 30
        second = await rate.acquire(70)
        return second.at, (await rate.acquire(1)).at

    assert anyio.run(run) == (100, 160)


def test_the_longest_pause_holds_for_all_calls() -> None:
    clock = Clock()
    rate = RateLimiter(0, 0, clock=lambda: clock.now, sleep=clock.sleep)
    rate.pause(7)
    rate.pause(3)
    assert times(rate, clock, [1, 1]) == [107, 107]


def test_the_client_keeps_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimiter, "WINDOW", 0.5)
    with serving() as server:
        began = time.monotonic()
        list(client(server.url, requests_per_minute=3)(prompt(str(i)) for i in range(7)))
        assert time.monotonic() - began >= 1.0


def test_a_call_that_does_not_fit_waits_for_those_in_flight() -> None:
    async def run() -> list[bool]:
        limiter = BudgetLimiter(Spending(tokens=100), Prices())
        got = [await limiter.reserve(Tokens(30, 30))]

        async def free() -> None:
            await anyio.sleep(0.01)
            limiter.settle(Tokens(30, 30), Tokens(5, 5))

        async with anyio.create_task_group() as group:
            group.start_soon(free)
            got.append(await limiter.reserve(Tokens(30, 60)))
        limiter.settle(Tokens(30, 60), Tokens(30, 60))
        got += [await limiter.reserve(Tokens(1, 0)), await limiter.reserve(Tokens(0, 0))]
        assert limiter.spent
        return got

    assert anyio.run(run) == [True, True, False, False]


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1)), max_size=40),
    st.integers(1, 500),
    st.floats(0.0001, 0.01),
)
def test_a_budget_is_never_exceeded(calls: list[tuple[int, int, float]], tokens: int, cost: float) -> None:
    prices = Prices(prompt=3, completion=7)
    limiter, used = BudgetLimiter(Spending(tokens=tokens, cost=cost), prices), list[Tokens]()

    async def run() -> None:
        in_flight = list[tuple[Tokens, Tokens]]()
        for size, answer, share in calls:
            maximum = Tokens(size, answer)
            with anyio.move_on_after(0.001) as scope:
                if await limiter.reserve(maximum):
                    in_flight.append((maximum, Tokens(size, int(answer * share))))
            if scope.cancelled_caught or len(in_flight) > 3:
                done = in_flight.pop(0)
                limiter.settle(*done)
                used.append(done[1])

    anyio.run(run)
    assert sum(usage.total for usage in used) <= tokens
    assert sum(usage.cost(prices) for usage in used) <= cost + 1e-12


def test_estimates_rise_to_the_highest_counted_ratio() -> None:
    estimator, text = TokenEstimator(), prompt("word " * 100, max_tokens=5)
    assert estimator.estimate("") == 0
    first = estimator.upper_bound(text)
    estimator.update(text, 3 * first.prompt)
    assert estimator.upper_bound(text).prompt == pytest.approx(3 * first.prompt, abs=1)
    estimator.update(text, 1)
    assert estimator.upper_bound(text).prompt == pytest.approx(3 * first.prompt, abs=1)
    assert first.completion == 5
