"""The calls of one client: each prompt to an answer or a failure, with all that the calls share. One event loop."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Self
from weakref import WeakValueDictionary

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential, wait_random

from coner.families.llm.endpoint.capabilities import Dialect
from coner.families.llm.endpoint.ledger import Ledger, Totals, prompt_hash
from coner.families.llm.endpoint.limits import Estimate, Pace, Purse, Usage
from coner.families.llm.endpoint.transport import Fault, NoConnection, Passing, Rejected, Wire
from coner.families.llm.prompts.messages import Completion, Failure, Prompt
from coner.families.llm.settings import Budget, Endpoint

GIVE_UP = 10.0  # seconds without a connection, after which nobody is there; one more attempt takes 7 at most
PATIENCE = 600.0  # seconds; an endpoint that asks to wait longer is not waited for
FORGET = 60.0  # seconds after which an endpoint that was given up may be there again
IN_A_ROW = 10  # prompts without an answer after all retries, after which the endpoint is given up
NOTHING = Usage(0, 0)


class _Over(Exception):
    """A prompt has no answer; the failure says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Session:
    """Calls to an endpoint; open as an asynchronous context, again and again, but once at a time.

    Args:
        endpoint, key: where, and as whom.
        ledger: of answers; without one, each prompt is a call.
        budget: for all calls.
        first_wait: seconds before the first retry, about; each next one waits twice as long.

    Attributes:
        totals: what was asked and spent.
        dialect: how the endpoint wants to be asked, as far as it has told.
    """

    def __init__(
        self, endpoint: Endpoint, key: str, *, ledger: Ledger | None, budget: Budget, first_wait: float
    ) -> None:
        self.totals = Totals()
        self.dialect = Dialect()
        self._endpoint = endpoint
        self._key = key
        self._ledger = ledger
        self._purse = Purse(budget, endpoint.prices)
        self._pace = Pace(endpoint.requests_per_minute, endpoint.tokens_per_minute)
        self._estimate = Estimate()
        self._backoff = wait_exponential(multiplier=first_wait, max=60) + wait_random(0, first_wait)
        self._gone: Failure | None = None  # what every further prompt would get
        self._gone_since = 0.0
        self._in_a_row = 0
        self._silent_since: float | None = None

    async def __aenter__(self) -> Self:
        """A run; one of a served model may come hours after the one before."""
        self._silent_since = None
        if self._gone is not None and time.monotonic() - self._gone_since >= FORGET:
            self._gone, self._in_a_row = None, 0
        self._wire = Wire(self._endpoint, self._key)
        self._slots = anyio.Semaphore(self._endpoint.concurrency)
        self._asked: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._wire.close()

    async def answer(self, prompt: Prompt) -> Completion | Failure:
        """From the ledger, else from the endpoint, and then into the ledger.

        Raises:
            DataError, OutputError: the ledger fails.
        """
        key = prompt_hash(prompt, self._endpoint)
        # An equal prompt waits for the first one's answer, and finds it in the ledger.
        async with self._asked.setdefault(key, anyio.Lock()) if self._ledger is not None else nullcontext():
            if self._ledger is not None and (found := self._ledger.find(key)):
                self.totals.cached += 1
                return found
            try:
                async with self._slots:
                    answer = await self._ask(prompt)
            except _Over as over:
                self.totals.failed += 1
                return over.failure
            if self._ledger is not None:
                self._ledger.keep(key, self._endpoint.model, answer)
            return answer

    async def _ask(self, prompt: Prompt) -> Completion:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((Passing, NoConnection)),
            stop=self._stop,
            wait=self._wait,
            before_sleep=self._count,
            sleep=anyio.sleep,
            reraise=True,
        )
        try:
            answer: Completion = await retrying(self._attempt, prompt)
        except NoConnection as fault:
            raise self._give_up(
                Failure("unreachable", f"{fault.reason}; start the endpoint, or mend base_url")
            ) from None
        except Passing as fault:
            self._in_a_row += 1
            failure = Failure("exhausted", f"{fault.reason}; tried {self._endpoint.max_retries + 1} times")
            if self._in_a_row >= IN_A_ROW:
                more = f"{failure.reason}, as {IN_A_ROW} prompts in a row; the endpoint is given up"
                raise self._give_up(Failure("exhausted", more)) from None
            raise _Over(failure) from None
        self._in_a_row = 0
        return answer

    async def _attempt(self, prompt: Prompt) -> Completion:
        """One call, and more where the endpoint wants to be asked otherwise."""
        dialect, adapted = self.dialect, False
        while True:
            try:
                answer = await self._call(prompt, dialect)
            except Rejected as fault:
                other = dialect.after(fault.words, prompt) if fault.mendable else None
                if other is None:
                    failure = Failure("refused", fault.reason)
                    raise (self._give_up(failure) if fault.for_all else _Over(failure)) from None
                dialect, adapted = other, True
                self.totals.retries += 1
            else:
                if adapted:  # only now: a rejection of this prompt alone must not cost all others their schema
                    self.dialect = dialect
                return answer

    async def _call(self, prompt: Prompt, dialect: Dialect) -> Completion:
        """One call, within budget and rate."""
        most = self._estimate.most(prompt)
        if not self._gone and not await self._purse.hold(most):
            raise _Over(Failure("budget", "the budget is spent, or the next call may not fit; allow more, and go on"))
        if self._gone:
            raise _Over(self._gone)
        used = NOTHING
        try:
            slot = await self._pace.take(most.total)
            if self._gone:
                raise _Over(self._gone)
            self.totals.calls += 1
            used = most  # until it is known; where it is broken off, it stays unknown
            try:
                answer = await self._heard(prompt, dialect, most)
            except Fault as fault:
                used = most if fault.billed else NOTHING
                raise
            used = Usage(answer.prompt_tokens, answer.completion_tokens)
            slot.tokens = used.total
        finally:
            self._purse.settle(most, used)
        self._book(used, answer.seconds)
        return answer

    async def _heard(self, prompt: Prompt, dialect: Dialect, most: Usage) -> Completion:
        """The call itself, and what its outcome tells of the endpoint."""
        began = time.monotonic()
        try:
            reply = await self._wire.ask(prompt, dialect)
        except NoConnection:
            self._silent_since = began if self._silent_since is None else self._silent_since
            raise
        except Passing as fault:
            self._silent_since = None
            if fault.wait > PATIENCE:
                reason = f"{fault.reason}; it asks to wait {fault.wait:.0f} s: try again later"
                raise self._give_up(Failure("exhausted", reason)) from None
            if fault.wait:
                self._pace.pause(fault.wait)
            raise
        self._silent_since = None
        prompt_tokens, completion_tokens = reply.prompt_tokens, reply.completion_tokens
        if prompt_tokens is not None:
            self._estimate.learn(prompt, prompt_tokens)
        return Completion(
            text=reply.text,
            finish=reply.finish,
            prompt_tokens=most.prompt if prompt_tokens is None else prompt_tokens,
            completion_tokens=self._estimate.tokens(reply.text) if completion_tokens is None else completion_tokens,
            cached=False,
            seconds=reply.seconds,
        )

    def _give_up(self, failure: Failure) -> _Over:
        """No further prompt is tried, for a while at least."""
        if self._gone is None:
            self._gone, self._gone_since = failure, time.monotonic()
        return _Over(self._gone)

    def _book(self, used: Usage, seconds: float) -> None:
        self.totals.prompt_tokens += used.prompt
        self.totals.completion_tokens += used.completion
        self.totals.cost += used.cost(self._endpoint.prices)
        self.totals.seconds += seconds

    def _stop(self, state: RetryCallState) -> bool:
        if isinstance(_fault(state), NoConnection) and self._silent_since is not None:
            return time.monotonic() - self._silent_since >= GIVE_UP
        return state.attempt_number > self._endpoint.max_retries

    def _wait(self, state: RetryCallState) -> float:
        wait = self._backoff(state)
        return min(wait, 2.0) if isinstance(_fault(state), NoConnection) else wait

    def _count(self, _state: RetryCallState) -> None:
        self.totals.retries += 1


def _fault(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
