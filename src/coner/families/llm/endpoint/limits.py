"""Limits on calls: a rate per minute, and a budget. They are used within one event loop."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import anyio

from coner.families.llm.endpoint.messages import Prompt
from coner.families.llm.endpoint.settings import Prices
from coner.families.usage import Spending

Clock = Callable[[], float]  # seconds
Sleep = Callable[[float], Awaitable[None]]
MAX_BYTES = 64  # of a token, on average over a text; of English text it is 4 or 5
TEMPLATE = 1024  # tokens that a server may add to a prompt
MAX_RATIO = 4.0  # tokens per byte, of a short prompt in a template


class Tokens(NamedTuple):
    """Tokens of one call."""

    prompt: int
    completion: int

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    def cost(self, prices: Prices) -> float:
        """In the currency of the prices."""
        return (self.prompt * prices.prompt + self.completion * prices.completion) / 1e6


class TokenEstimator:
    """Estimates tokens from bytes, with the highest ratio that the endpoint has counted, at least 1/3.

    No tokenizer makes more than one token of a byte, or tokens of ``MAX_BYTES`` bytes on average.
    """

    def __init__(self) -> None:
        self._tokens_per_byte = 1 / 3

    def estimate(self, text: str) -> int:
        """Tokens of a text."""
        return math.ceil(_bytes(text) * self._tokens_per_byte)

    def upper_bound(self, prompt: Prompt) -> Tokens:
        """Maximum tokens of a call: its estimated prompt, and an answer up to its limit."""
        return Tokens(math.ceil(_prompt_bytes(prompt) * self._tokens_per_byte), prompt.max_tokens)

    def update(self, prompt: Prompt, counted: int) -> None:
        """Raise the ratio to that of a prompt whose tokens the endpoint counted, if it is higher."""
        self._tokens_per_byte = max(self._tokens_per_byte, min(MAX_RATIO, counted / max(_prompt_bytes(prompt), 1)))

    def count(self, prompt: Prompt, body: str, answer: str, reported: tuple[Any, Any]) -> Tokens:
        """Tokens of a call as the endpoint reports them; an estimate where it reports none, or what cannot be true.

        ``body`` is its whole response, which may hold more than the answer, such as the model's reasoning.
        """
        upper = _prompt_bytes(prompt) + _bytes(json.dumps(prompt.schema, default=dict)) + TEMPLATE
        sent, got = reported
        if _possible(sent, _prompt_bytes(prompt), upper):
            self.update(prompt, sent)
        else:
            sent = self.upper_bound(prompt).prompt
        if not _possible(got, _bytes(answer), prompt.max_tokens + _bytes(body)):
            too_many = isinstance(got, int) and got > prompt.max_tokens
            got = max(self.estimate(answer), prompt.max_tokens if too_many else 0)
        return Tokens(sent, got)


def _possible(tokens: Any, size: int, upper: int) -> bool:
    return type(tokens) is int and size / MAX_BYTES <= tokens <= upper


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _prompt_bytes(prompt: Prompt) -> int:
    return sum(_bytes(m.content) + 12 for m in prompt.messages)  # 12: role and separators


@dataclass
class Slot:
    """A call within the window of the rate."""

    at: float  # when it started
    tokens: int


class RateLimiter:
    """Limits requests and tokens within any window of a minute (0: no limit); can pause on request of the endpoint."""

    WINDOW = 60.0

    def __init__(
        self, requests: int, tokens: int, *, clock: Clock = time.monotonic, sleep: Sleep = anyio.sleep
    ) -> None:
        self._requests = requests or math.inf
        self._tokens = tokens or math.inf
        self._clock = clock
        self._sleep = sleep
        self._slots: deque[Slot] = deque()
        self._paused_until = 0.0
        self._queue = anyio.Lock()  # first come, first served

    async def acquire(self, tokens: int) -> Slot:
        """Wait until a call with this many tokens is allowed; the caller corrects ``tokens`` of the slot afterwards.

        A call that alone exceeds the rate waits until the window is empty.
        """
        async with self._queue:
            while (wait := self._wait(tokens)) > 0:
                await self._sleep(wait)
            slot = Slot(self._clock(), tokens)
            self._slots.append(slot)
            return slot

    def pause(self, seconds: float) -> bool:
        """Allow no call for this many seconds; returns whether calls were allowed before."""
        now = self._clock()
        allowed = self._paused_until <= now
        self._paused_until = max(self._paused_until, now + seconds)
        return allowed

    def _wait(self, tokens: int) -> float:
        now = self._clock()
        while self._slots and self._slots[0].at <= now - self.WINDOW:
            self._slots.popleft()
        used = sum(slot.tokens for slot in self._slots) if self._tokens < math.inf else 0
        full = len(self._slots) >= self._requests or (self._slots and used + tokens > self._tokens)
        ready = self._slots[0].at + self.WINDOW if full else now
        return max(ready, self._paused_until) - now


class BudgetLimiter:
    """Keeps calls within a budget: the maximum of a call is reserved before it, and replaced by its use after it."""

    def __init__(self, limits: Spending, prices: Prices) -> None:
        self._tokens = math.inf if limits.tokens is None else limits.tokens
        self._cost = math.inf if limits.cost is None else limits.cost
        self._prices = prices
        self._used = Tokens(0, 0)
        self._reserved: list[Tokens] = []
        self._settled = anyio.Event()
        self.spent = False  # no further call is allowed

    async def reserve(self, maximum: Tokens) -> bool:
        """Reserve tokens for a call; ``False`` if they do not fit, and then for every further call.

        If needed it waits for the calls in flight, which mostly use less than they reserved.
        """
        while not self.spent:
            if self._fits(maximum):
                self._reserved.append(maximum)
                return True
            if self._reserved:
                await self._settled.wait()
            else:
                self.spent = True
        return False

    def settle(self, maximum: Tokens, used: Tokens) -> None:
        """Replace a reservation by what the call used."""
        self._reserved.remove(maximum)
        self._used = Tokens(self._used.prompt + used.prompt, self._used.completion + used.completion)
        self._settled.set()
        self._settled = anyio.Event()

    def _fits(self, maximum: Tokens) -> bool:
        bound = [self._used, *self._reserved, maximum]
        return sum(tokens.total for tokens in bound) <= self._tokens and (
            sum(tokens.cost(self._prices) for tokens in bound) <= self._cost
        )
