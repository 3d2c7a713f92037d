"""The calls of a client: each prompt becomes a completion or a failure. Everything here runs in one event loop."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Self
from weakref import WeakValueDictionary

import anyio

from coner.core.errors import ConfigError
from coner.core.progress import stderr
from coner.families.llm.endpoint.ledger import Ledger, prompt_hash
from coner.families.llm.endpoint.limits import BudgetLimiter, RateLimiter, TokenEstimator, Tokens
from coner.families.llm.endpoint.messages import Capabilities, Completion, Prompt
from coner.families.llm.endpoint.permission import require_permission
from coner.families.llm.endpoint.settings import Endpoint, read_api_key
from coner.families.llm.endpoint.transport import CallError, NoConnectionError, RejectedError, TransientError, Transport
from coner.families.usage import Failure, Spending

MAX_WAIT = 60.0  # seconds before a retry
MAX_SILENCE = 10.0  # seconds without a connection until the endpoint is given up; the last attempt may add 7
MAX_RETRY_AFTER = 120.0  # seconds; an endpoint that asks to wait longer is given up
REPORTED_WAIT = 10.0  # seconds; a longer wait is reported
GIVEN_UP = 60.0  # seconds until an endpoint that was given up is tried again
MAX_FAILURES = 10  # prompts in a row without an answer after all retries, until the endpoint is given up


@dataclass
class Totals:
    """What a client sent and spent."""

    calls: int = 0  # requests sent, with or without an answer
    retries: int = 0  # requests sent again
    cached: int = 0  # prompts answered by the ledger
    failed: int = 0  # prompts without an answer
    prompt_tokens: int = 0  # of the answered calls, as counted by the endpoint, else estimated
    completion_tokens: int = 0  # likewise
    cost: float = 0.0  # of these tokens, in the currency of the prices
    seconds: float = 0.0  # sum of the durations of the answered calls, which may overlap


@dataclass(eq=False)
class _NoAnswer(Exception):
    failure: Failure


class Session:
    """Calls to an endpoint; an asynchronous context manager, reusable but not reentrant.

    ``Client`` documents the arguments and attributes.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ledger: Ledger | None = None,
        spending: Spending | None = None,
        backoff: float = 1.0,
    ) -> None:
        spending, prices = spending or Spending(), endpoint.prices
        if spending.cost is not None and not (prices.prompt or prices.completion):
            raise ConfigError("--budget-cost: there are no prices to compute a cost. Fix: set llm.prices too")
        self.endpoint = endpoint
        self.totals = Totals()
        self.taken: dict[str, float] = {"answers": 0, "tokens": 0, "cost": 0.0, "seconds": 0.0}
        self.capabilities = Capabilities()
        require_permission(endpoint, spending.endpoints)
        self._key = read_api_key(endpoint)
        self._ledger = ledger
        self._backoff = backoff
        self._budget = BudgetLimiter(spending, prices)
        self._rate = RateLimiter(endpoint.requests_per_minute, endpoint.tokens_per_minute)
        self._estimator = TokenEstimator()
        self._given_up: Failure | None = None  # the failure of every further prompt
        self._given_up_at = 0.0
        self._failures_in_a_row = 0
        self._silent_since: float | None = None
        self._waiting: set[anyio.CancelScope] = set()  # of calls that have not been sent

    async def __aenter__(self) -> Self:
        self._silent_since = None
        if self._given_up is not None and time.monotonic() - self._given_up_at >= GIVEN_UP:
            self._given_up, self._failures_in_a_row = None, 0
        self._transport = Transport(self.endpoint, self._key, self._estimator)
        self._slots = anyio.Semaphore(self.endpoint.concurrency)
        self._pending: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    async def answer(self, prompt: Prompt) -> Completion | Failure:
        """Answer a prompt from the ledger, or from the endpoint and store the answer."""
        key = prompt_hash(prompt, self.endpoint)
        # An equal prompt waits until the first one's answer is in the ledger.
        async with self._pending.setdefault(key, anyio.Lock()) if self._ledger is not None else nullcontext():
            if self._ledger is not None and (stored := self._ledger.get(key)):
                self.totals.cached += 1
                return stored
            try:
                async with self._slots:
                    answer = await self._call_with_retries(prompt)
            except _NoAnswer as error:
                self.totals.failed += 1
                return error.failure
            if self._ledger is not None:
                self._ledger.put(key, self.endpoint.model, answer)
            return answer

    async def _call_with_retries(self, prompt: Prompt) -> Completion:
        """Call with retries and exponential backoff."""
        retries = 0
        while True:
            wait = min(self._backoff * 2 ** min(retries, 99), MAX_WAIT) + random.uniform(0, self._backoff)
            exhausted = retries >= self.endpoint.max_retries
            try:
                answer = await self._attempt(prompt)
            except NoConnectionError as error:
                if self._silent_since is not None:
                    exhausted = time.monotonic() - self._silent_since >= MAX_SILENCE
                if exhausted:
                    reason = f"{error.reason}. Fix: start the endpoint, or correct base_url"
                    raise self._give_up(Failure("unreachable", reason)) from None
                wait = min(wait, 2.0)
            except TransientError as error:
                if exhausted:
                    raise self._exhausted(error) from None
            else:
                self._failures_in_a_row = 0
                return answer
            retries += 1
            self.totals.retries += 1
            with self._until_given_up():
                await anyio.sleep(wait)

    def _exhausted(self, error: TransientError) -> _NoAnswer:
        self._failures_in_a_row += 1
        reason = f"{error.reason}; tried {self.endpoint.max_retries + 1} times"
        if self._failures_in_a_row < MAX_FAILURES:
            return _NoAnswer(Failure("exhausted", reason))
        reason += f"; {MAX_FAILURES} prompts in a row failed, so no further calls are made"
        return self._give_up(Failure("exhausted", reason))

    async def _attempt(self, prompt: Prompt) -> Completion:
        """One call; repeated with fewer fields if the endpoint does not accept one."""
        known = capabilities = self.capabilities
        while True:
            try:
                answer = await self._call(prompt, capabilities)
            except RejectedError as error:
                reduced = capabilities.reduced(error.message, prompt) if error.unsupported else None
                if reduced is None:
                    failure = Failure("refused", error.reason)
                    raise (self._give_up(failure) if error.for_all else _NoAnswer(failure)) from None
                capabilities = reduced
                self.totals.retries += 1
            else:
                if capabilities is not known:  # only now: if this prompt alone is at fault, others keep their schema
                    self.capabilities = capabilities
                return answer

    async def _call(self, prompt: Prompt, capabilities: Capabilities) -> Completion:
        """One call, within budget and rate."""
        self._check_given_up()
        maximum = self._estimator.upper_bound(prompt)
        if not await self._budget.reserve(maximum):
            reason = "the budget is spent, or the next call may not fit. Fix: allow more, and run the command again"
            raise _NoAnswer(Failure("budget", reason))
        used = nothing = Tokens(0, 0)
        try:
            self._check_given_up()
            with self._until_given_up():
                slot = await self._rate.acquire(maximum.total)
            self._check_given_up()
            self.totals.calls += 1
            used = maximum  # until it is known; it stays unknown if the call is cancelled
            try:
                answer = await self._send(prompt, capabilities)
            except CallError as error:
                used = maximum if error.billed else nothing
                raise
            used = Tokens(answer.prompt_tokens, answer.completion_tokens)
            slot.tokens = used.total
        finally:
            self._budget.settle(maximum, used)
        self.totals.prompt_tokens += used.prompt
        self.totals.completion_tokens += used.completion
        self.totals.cost += used.cost(self.endpoint.prices)
        self.totals.seconds += answer.seconds
        return answer

    async def _send(self, prompt: Prompt, capabilities: Capabilities) -> Completion:
        """Send the request, and note what the outcome shows about the endpoint."""
        began = time.monotonic()
        try:
            answer = await self._transport.send(prompt, capabilities)
        except NoConnectionError:
            self._silent_since = began if self._silent_since is None else self._silent_since
            raise
        except TransientError as error:
            self._silent_since = None
            if error.retry_after > MAX_RETRY_AFTER:
                asked = f"it asks for a wait of {error.retry_after:.0f} s; at most {MAX_RETRY_AFTER:.0f} s are waited"
                reason = f"{error.reason}; {asked}. Fix: run the command again later"
                raise self._give_up(Failure("exhausted", reason)) from None
            if self._rate.pause(error.retry_after) and error.retry_after >= REPORTED_WAIT:
                stderr.print(f"{self.endpoint.base_url}: it asks for a wait of {error.retry_after:.0f} s; waiting")
            raise
        self._silent_since = None
        return answer

    @contextmanager
    def _until_given_up(self) -> Iterator[None]:
        """End the wait in this block early if the endpoint is given up meanwhile."""
        with anyio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                yield
            finally:
                self._waiting.discard(scope)

    def _give_up(self, failure: Failure) -> _NoAnswer:
        """Let all further prompts fail, for at least ``GIVEN_UP`` seconds."""
        if self._given_up is None:
            self._given_up, self._given_up_at = failure, time.monotonic()
        for scope in list(self._waiting):
            scope.cancel()
        return _NoAnswer(self._given_up)

    def _check_given_up(self) -> None:
        if self._given_up is not None:
            raise _NoAnswer(self._given_up)
