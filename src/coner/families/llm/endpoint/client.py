"""Send prompts to any endpoint that speaks the OpenAI protocol: concurrent, in order, within a rate and a budget.

An event loop in its own thread makes the calls. So the caller's work between two answers does not delay them, a
time-out ends what it should, and Ctrl-C cancels the calls in flight at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

from anyio.from_thread import start_blocking_portal

from coner.core.errors import ConfigError
from coner.families.llm.endpoint.capabilities import Structured
from coner.families.llm.endpoint.ledger import Ledger
from coner.families.llm.endpoint.limits import Tokens
from coner.families.llm.endpoint.messages import Completion, Prompt
from coner.families.llm.endpoint.session import Session, Totals
from coner.families.llm.endpoint.settings import Endpoint, read_api_key
from coner.families.usage import Failure, Spending

LOOKAHEAD = 4  # prompts taken for each concurrent call, so that a slow one delays few


class Client:
    """A ``Complete`` that asks an endpoint and stores its answers.

    Gives one answer for each prompt, in order; prompts are consumed a few at a time. A failure that every prompt would
    get (no connection, a wrong key, an unknown model, a spent budget) is found once: further prompts fail quickly,
    except those that the ledger answers. Budget, totals and what is known of the endpoint last as long as the client.
    It serves one caller at a time.

    Args:
        endpoint: where, and how to ask.
        ledger: stores the answers; without one, each prompt is a call.
        spending: limits for all calls of this client. A call is sent if the most that it may use is left, as estimated.
            An answer that is lost on the way counts as the most that it may have used.
        first_wait: seconds before the first retry, about; each next one waits twice as long.

    Attributes:
        taken: ``answers``, ``tokens``, ``cost`` and ``seconds`` of all answers; those from the ledger at what they once
            took.

    Raises:
        ConfigError: the key is missing, or the cost is limited and there are no prices.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ledger: Ledger | None = None,
        spending: Spending | None = None,
        first_wait: float = 1.0,
    ) -> None:
        spending = spending or Spending()
        prices = endpoint.prices
        if spending.cost is not None and not (prices.prompt or prices.completion):
            raise ConfigError("--budget-cost: there are no prices to compute a cost. Fix: set llm.prices too")
        self.endpoint = endpoint
        self.taken: dict[str, float] = {"answers": 0, "tokens": 0, "cost": 0.0, "seconds": 0.0}
        key = read_api_key(endpoint)
        self._session = Session(endpoint, key, ledger=ledger, spending=spending, first_wait=first_wait)

    def __repr__(self) -> str:
        return f"Client({self.endpoint.base_url!r}, {self.endpoint.model!r})"

    @property
    def totals(self) -> Totals:
        """What was sent and spent so far."""
        return self._session.totals

    @property
    def structured(self) -> Structured:
        """How answers are constrained to a schema, as far as is known; ``plain``: they are not."""
        return self._session.capabilities.structured

    @property
    def declined(self) -> tuple[str, ...]:
        """What the endpoint does not accept and is left out, as far as is known."""
        return self._session.capabilities.declined

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
                    while waiting and (len(waiting) >= LOOKAHEAD * self.endpoint.concurrency or waiting[0].done()):
                        yield self._measured(waiting.popleft().result())
                while waiting:
                    yield self._measured(waiting.popleft().result())
            finally:
                for future in waiting:
                    future.cancel()

    def _measured(self, answer: Completion | Failure) -> Completion | Failure:
        if isinstance(answer, Completion):
            tokens = Tokens(answer.prompt_tokens, answer.completion_tokens)
            took = {"answers": 1, "tokens": tokens.total, "cost": tokens.cost(self.endpoint.prices)}
            for name, value in {**took, "seconds": answer.seconds}.items():
                self.taken[name] += value
        return answer
