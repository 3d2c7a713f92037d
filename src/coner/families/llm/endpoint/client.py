"""Prompts to any endpoint that speaks the OpenAI protocol: several at once, in order, within a rate and a budget.

An event loop in a thread of its own does the calls, so that the caller's work between two answers holds up none of
them, a time-out ends what it says, and Ctrl-C drops what is in flight at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

from anyio.from_thread import start_blocking_portal

from coner.core.errors import ConfigError
from coner.families.llm.endpoint.api_key import read_key
from coner.families.llm.endpoint.capabilities import Structured
from coner.families.llm.endpoint.ledger import Ledger, Totals
from coner.families.llm.endpoint.session import Session
from coner.families.llm.prompts.messages import Completion, Failure, Prompt
from coner.families.llm.settings import Budget, Endpoint

AHEAD = 4  # prompts taken for each call at once, so that a slow one holds up few


class Client:
    """A ``Complete``: asks an endpoint, and keeps what it says.

    Answers come in the order of the prompts, one each; prompts are taken a few at a time. What is certain to fail for
    every prompt (nobody listens, a wrong key, an unknown model, the budget) is found once, and the rest is not sent:
    their failures are quick, and what the ledger knows is answered still. Budget, totals and what was learnt of the
    endpoint last as long as the client. One run at a time.

    Args:
        endpoint: where, and how to ask.
        ledger: of answers; without one, each prompt is a call.
        budget: for all calls of this client. A call goes when the most that it may use is left, as estimated; when
            none is in flight and the next does not fit, the budget is spent. Calls whose answer was lost on the way
            count with what they may have used.
        first_wait: seconds before the first retry, about; each next one waits twice as long.

    Raises:
        ConfigError: the key is missing, or a cost is bounded without prices.
    """

    def __init__(
        self, endpoint: Endpoint, *, ledger: Ledger | None = None, budget: Budget | None = None, first_wait: float = 1.0
    ) -> None:
        budget = budget or Budget()
        if budget.cost is not None and not (endpoint.prices.prompt or endpoint.prices.completion):
            raise ConfigError("budget.cost: there are no prices to count with; set prices of the endpoint too")
        self.endpoint = endpoint
        key = read_key(endpoint)
        self._session = Session(endpoint, key, ledger=ledger, budget=budget, first_wait=first_wait)

    def __repr__(self) -> str:
        return f"Client({self.endpoint.base_url!r}, {self.endpoint.model!r})"

    @property
    def totals(self) -> Totals:
        """What was asked and spent so far."""
        return self._session.totals

    @property
    def structured(self) -> Structured:
        """How answers are held to a schema, as far as the endpoint has told; ``plain``: they are not."""
        return self._session.dialect.structured

    @property
    def declined(self) -> tuple[str, ...]:
        """What the endpoint would not take, and was asked without, as far as it has told."""
        return self._session.dialect.declined

    def __call__(self, prompts: Iterable[Prompt]) -> Iterator[Completion | Failure]:
        """The answers, in order.

        Raises:
            DataError, OutputError: the ledger fails.
        """
        waiting: deque[Future[Completion | Failure]] = deque()
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(self._session) as session:
            try:
                for prompt in prompts:
                    waiting.append(portal.start_task_soon(session.answer, prompt))
                    while waiting and (len(waiting) >= AHEAD * self.endpoint.concurrency or waiting[0].done()):
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
