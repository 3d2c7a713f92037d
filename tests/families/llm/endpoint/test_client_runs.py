"""Many prompts: order, concurrency, bounded memory, budget, equal prompts, early ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from coner.core.errors import ConfigError, DataError
from coner.families.llm.endpoint import session
from coner.families.llm.endpoint.client import LOOKAHEAD
from coner.families.llm.endpoint.ledger import Ledger
from coner.families.llm.endpoint.messages import Completion, Prompt
from coner.families.llm.endpoint.session import Totals
from coner.families.usage import Spending
from helpers.fake_endpoint import FakeResponse, Request, echo, fails, last, says, serving
from helpers.llm_client import client, kinds, prompt, stored


def numbered(count: int) -> Iterator[Prompt]:
    return (prompt(str(i)) for i in range(count))


def test_answers_keep_the_order_of_the_prompts_at_full_concurrency() -> None:
    def rule(request: Request, _: int) -> FakeResponse:
        return says(last(request), after=0.08 if int(last(request)) % 3 == 0 else 0.02)

    with serving(rule) as server:
        assert kinds(list(client(server.url, concurrency=5)(numbered(40)))) == [str(i) for i in range(40)]
        assert server.busiest == 5


def test_prompts_are_consumed_a_few_at_a_time() -> None:
    taken = 0

    def counted() -> Iterator[Prompt]:
        nonlocal taken
        for one in numbered(60):
            taken += 1
            yield one

    with serving() as server:
        for i, _ in enumerate(client(server.url, concurrency=2)(counted())):
            assert taken <= i + 2 * LOOKAHEAD + 1


def test_calls_continue_while_the_caller_is_busy() -> None:
    with serving(lambda request, _: says(last(request), after=0.2)) as server:
        answers = client(server.url, concurrency=2)(numbered(6))
        next(answers)
        until = time.monotonic() + 10
        while len(server.requests) < 6 and time.monotonic() < until:
            time.sleep(0.02)
        assert len(server.requests) == 6
        assert kinds(list(answers)) == ["1", "2", "3", "4", "5"]


def test_without_prompts_there_are_no_calls() -> None:
    with serving() as server:
        assert list(client(server.url)([])) == []
        assert server.requests == []


def test_a_client_can_be_called_again_and_keeps_counting() -> None:
    with serving() as server:
        complete = client(server.url, prices={"prompt": 1.0, "completion": 2.0})
        list(complete(numbered(2)))
        list(complete(numbered(3)))
    seconds = complete.totals.seconds
    assert complete.totals == Totals(
        calls=5, prompt_tokens=35, completion_tokens=15, cost=pytest.approx(65e-6), seconds=seconds
    )
    assert 0 < seconds < 5


@pytest.mark.parametrize("later", [True, False])
def test_an_endpoint_that_was_given_up_is_tried_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    monkeypatch.setattr(session, "MAX_SILENCE", 0.1)
    monkeypatch.setattr(session, "GIVEN_UP", 0.0 if later else 60.0)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    complete = client(f"http://127.0.0.1:{port}/v1")
    assert kinds(list(complete([prompt("a")]))) == ["unreachable"]
    with serving(port=port):
        assert kinds(list(complete([prompt("a")]))) == (["a"] if later else ["unreachable"])


@pytest.mark.parametrize("status", [401, 500])
def test_a_failing_endpoint_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(session, "GIVEN_UP", 0.0)
    with serving(lambda *_: fails(status)) as server:
        complete = client(server.url, max_retries=0, concurrency=1)
        failed = kinds(list(complete(prompt(str(i)) for i in range(12))))
        server.rule = echo
        assert kinds(list(complete([prompt("a")]))) == ["a"]
    assert failed == ["refused" if status == 401 else "exhausted"] * 12


# The endpoint counts 100 + 50 tokens per call; the estimate is at most 20 + 100.
PRICES = {"prompt": 10.0, "completion": 20.0}


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize(
    "spending",
    [Spending(tokens=1000), Spending(cost=0.0139), Spending(tokens=1000, cost=9.0)],
    ids=["tokens", "cost", "both"],
)
def test_a_budget_is_not_exceeded(spending: Spending, concurrency: int) -> None:
    with serving(lambda *_: says("x", usage=(100, 50), after=0.01)) as server:
        complete = client(server.url, spending=spending, concurrency=concurrency, prices=PRICES)
        # The first call updates the estimate of prompt tokens.
        answers = list(complete([prompt("0", max_tokens=100)])) + list(
            complete(prompt(str(i), max_tokens=100) for i in range(1, 40))
        )
    # After n calls 150 n tokens are spent, and 200 must be left: n = 6. In cost 0.002 n and 0.003: also 6.
    assert kinds(answers) == ["x"] * 6 + ["budget"] * 34
    assert len(server.requests) == 6
    assert complete.totals.failed == 34
    assert complete.totals.prompt_tokens + complete.totals.completion_tokens == 900
    assert complete.totals.cost == pytest.approx(0.012)


def test_a_budget_too_small_for_one_call_sends_nothing() -> None:
    with serving() as server:
        assert kinds(list(client(server.url, spending=Spending(tokens=5))(numbered(3)))) == ["budget"] * 3
        assert server.requests == []


def test_lost_answers_count_with_their_maximum_cost() -> None:
    with serving(lambda *_: FakeResponse(cut=-1)) as server:
        answers = list(client(server.url, spending=Spending(tokens=250), max_retries=10)([prompt("a", max_tokens=100)]))
    assert kinds(answers) == ["budget"]
    assert len(server.requests) == 2


def test_failed_calls_cost_nothing() -> None:
    with serving(lambda _, turn: fails(503) if turn < 3 else says("x")) as server:
        assert kinds(list(client(server.url, spending=Spending(tokens=120))([prompt("a", max_tokens=80)]))) == ["x"]


def test_the_ledger_answers_without_budget_or_endpoint(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.sqlite") as ledger:
        with serving() as server:
            list(client(server.url, ledger=ledger)(prompt(str(i)) for i in (1, 3)))
            complete = client(server.url, ledger=ledger, spending=Spending(tokens=1))
            assert kinds(list(complete(numbered(5)))) == ["budget", "1", "budget", "3", "budget"]
            assert (complete.totals.calls, complete.totals.cached, complete.totals.failed) == (0, 2, 3)
        assert kinds(list(client(server.url, ledger=ledger)(prompt(str(i)) for i in (3, 1)))) == ["3", "1"]


def test_a_cost_without_prices_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--budget-cost: there are no prices"):
        client("http://127.0.0.1:1/v1", spending=Spending(cost=1.0))


def test_equal_prompts_share_one_call(tmp_path: Path) -> None:
    with serving(lambda *_: says("x", after=0.05)) as server, Ledger(tmp_path / "l.sqlite") as ledger:
        complete = client(server.url, ledger=ledger, concurrency=8)
        assert kinds(list(complete([prompt("same")] * 20))) == ["x"] * 20
        assert len(server.requests) == 1
        assert (complete.totals.calls, complete.totals.cached) == (1, 19)


def test_an_error_while_making_prompts_ends_the_run(tmp_path: Path) -> None:
    def broken() -> Iterator[Prompt]:
        yield from numbered(3)
        raise DataError("is cut", "x.conll", 4)

    with serving() as server, Ledger(tmp_path / "l.sqlite") as ledger:
        before = set(threading.enumerate())  # other tests of this process may have left some
        answers = client(server.url, ledger=ledger, concurrency=1)(broken())
        with pytest.raises(DataError, match=r"x\.conll:4"):
            list(answers)
        assert len(set(threading.enumerate()) - before) <= 1  # the endpoint's, for a connection that is kept open


def test_a_caller_that_stops_early_cancels_the_calls_in_flight() -> None:
    with serving(lambda request, _: says("x", after=0 if last(request) == "0" else 30)) as server:
        answers = client(server.url, concurrency=2, timeout=60)(numbered(100))
        next(answers)
        began = time.monotonic()
        answers.close()  # type: ignore[attr-defined]  # a generator
        assert time.monotonic() - began < 10
        time.sleep(0.5)  # a call that had begun may still arrive
        assert len(server.requests) <= 3


def test_an_abandoned_call_frees_its_reservation_and_counts_with_its_maximum_cost() -> None:
    with serving(lambda request, _: says(last(request), after=30 if last(request) == "slow" else 0)) as server:
        # "a" and "b" use 10 tokens each and reserve 23; "slow" reserves 114, "c" 113.
        complete = client(server.url, spending=Spending(tokens=10 + 114 + 23), concurrency=2, timeout=60)
        answers = complete([prompt("a"), prompt("slow", max_tokens=100)])
        next(answers)
        while len(server.requests) < 2:
            time.sleep(0.02)
        answers.close()  # type: ignore[attr-defined]  # a generator
        assert kinds(list(complete([prompt("b"), prompt("c", max_tokens=100)]))) == ["b", "budget"]


def test_ctrl_c_stops_at_once_and_keeps_stored_answers(tmp_path: Path) -> None:
    def rule(request: Request, _: int) -> FakeResponse:
        return says(last(request), after=0.0 if int(last(request)) < 5 else 30.0)

    with serving(rule) as server, Ledger(tmp_path / "l.sqlite") as ledger:

        def interrupt() -> None:
            while stored(ledger.path) < 5:
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        began = time.monotonic()
        got: list[Completion] = []
        with pytest.raises(KeyboardInterrupt):
            got.extend(client(server.url, ledger=ledger, timeout=60)(numbered(50)))  # type: ignore[arg-type]
        assert time.monotonic() - began < 15
        assert stored(ledger.path) == 5
