"""How much may be asked: a rate by the minute, and a budget for all. Both live in one event loop."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import anyio

from coner.families.llm.prompts.messages import Prompt
from coner.families.llm.settings import Budget, Prices


class Usage(NamedTuple):
    """Tokens of a call."""

    prompt: int
    completion: int

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    def cost(self, prices: Prices) -> float:
        return (self.prompt * prices.prompt + self.completion * prices.completion) / 1e6


class Estimate:
    """Tokens of a text before the endpoint has counted them: a share of its bytes, raised to the highest share seen."""

    def __init__(self, share: float = 1 / 3) -> None:
        self._share = share

    def tokens(self, text: str) -> int:
        return math.ceil(_bytes(text) * self._share)

    def most(self, prompt: Prompt) -> Usage:
        """What a call may use; the answer may take all that it is given."""
        return Usage(math.ceil(_size(prompt) * self._share), prompt.max_tokens)

    def learn(self, prompt: Prompt, counted: int) -> None:
        """What the endpoint counted in a prompt."""
        self._share = max(self._share, counted / max(_size(prompt), 1))


def _size(prompt: Prompt) -> int:
    return sum(_bytes(message.content) + 12 for message in prompt.messages)  # 12: a role and its marks


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


class Slot:
    """A call within the window of the rate."""

    def __init__(self, at: float, tokens: int) -> None:
        self.at = at
        self.tokens = tokens


class Pace:
    """At most so many requests and tokens within any window of a minute; and pauses that an endpoint asks for.

    Args:
        requests, tokens: at most; 0: no limit.
        clock, sleep: in seconds.
    """

    WINDOW = 60.0

    def __init__(
        self,
        requests: int,
        tokens: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._requests = requests or math.inf
        self._tokens = tokens or math.inf
        self._clock = clock
        self._sleep = sleep
        self._slots: deque[Slot] = deque()
        self._not_before = 0.0
        self._turn = anyio.Lock()  # first come, first served

    async def take(self, tokens: int) -> Slot:
        """Wait until a call with so many tokens keeps to the rate; its slot takes what it used in the end.

        A call that alone is above the rate goes when nothing else is in the window.
        """
        async with self._turn:
            while (wait := self._wait(tokens)) > 0:
                await self._sleep(wait)
            slot = Slot(self._clock(), tokens)
            self._slots.append(slot)
            return slot

    def pause(self, seconds: float) -> None:
        """No call before that."""
        self._not_before = max(self._not_before, self._clock() + seconds)

    def _wait(self, tokens: int) -> float:
        now = self._clock()
        while self._slots and self._slots[0].at <= now - self.WINDOW:
            self._slots.popleft()
        used = sum(slot.tokens for slot in self._slots) if self._tokens < math.inf else 0
        full = len(self._slots) >= self._requests or (self._slots and used + tokens > self._tokens)
        ready = self._slots[0].at + self.WINDOW if full else now
        return max(ready, self._not_before) - now


class Purse:
    """A budget: what a call may use at most is held before it is sent, what it did use is spent.

    Attributes:
        spent: nothing more may be sent.
    """

    def __init__(self, budget: Budget, prices: Prices) -> None:
        self._tokens = budget.tokens or math.inf
        self._cost = budget.cost or math.inf
        self._prices = prices
        self._used = Usage(0, 0)
        self._held: list[Usage] = []
        self._freed: anyio.Event | None = None
        self.spent = False

    async def hold(self, most: Usage) -> bool:
        """Wait until it is known whether the call fits; when it does not, nothing fits any more.

        Calls in flight use less than is held for them, mostly: so the answer waits for them.
        """
        while not self.spent:
            if self._fits(most):
                self._held.append(most)
                return True
            if not self._held:
                self.spent = True
            else:
                self._freed = self._freed or anyio.Event()
                await self._freed.wait()
        return False

    def settle(self, most: Usage, used: Usage) -> None:
        """A call that was held for is over."""
        self._held.remove(most)
        self._used = Usage(self._used.prompt + used.prompt, self._used.completion + used.completion)
        if self._freed:
            self._freed.set()
            self._freed = None

    def _fits(self, most: Usage) -> bool:
        bound = [self._used, *self._held, most]
        return sum(usage.total for usage in bound) <= self._tokens and (
            sum(usage.cost(self._prices) for usage in bound) <= self._cost
        )
