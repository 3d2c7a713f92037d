"""Send prompts to any endpoint that speaks the OpenAI protocol: concurrent, in order, within a rate and a budget.

An event loop in its own thread makes the calls. So the caller's work between two answers does not delay them, timeouts
are reliable, and Ctrl-C cancels the calls in flight at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

from anyio.from_thread import start_blocking_portal

from coner.families.llm.endpoint.limits import Tokens
from coner.families.llm.endpoint.messages import Completion, Prompt
from coner.families.llm.endpoint.session import Session
from coner.families.usage import Failure

LOOKAHEAD = 4  # prompts taken per concurrent call, so that a slow call delays few others


class Client(Session):
    """A ``Complete`` that calls an endpoint and stores its answers.

    Yields one answer for each prompt, in order; prompts are consumed a few at a time. A failure that every prompt would
    get (no connection, a wrong key, an unknown model, a spent budget) is found once: further prompts fail quickly,
    except those that the ledger answers. Budget, totals and ``capabilities`` last as long as the client. It serves one
    caller at a time.

    Args:
        ledger: stores the answers; without one, each prompt is a call.
        spending: limits for all calls of this client. A call is sent only if the budget covers its estimated maximum.
            A call whose answer is lost counts with its maximum.
        backoff: approximate seconds before the first retry; doubled for each further one.

    Attributes:
        totals: what was sent and spent.
        taken: ``answers``, ``tokens``, ``cost`` and ``seconds`` of all answers; those from the ledger with their
            original values.
        capabilities: what the endpoint accepts, as far as its answers have shown.

    Raises:
        ConfigError: the key is missing, or the cost is limited and there are no prices.
    """

    def __repr__(self) -> str:
        return f"Client({self.endpoint.base_url!r}, {self.endpoint.model!r})"

    def __call__(self, prompts: Iterable[Prompt]) -> Iterator[Completion | Failure]:
        """The answers, in order; ``DataError`` or ``OutputError`` if the ledger fails."""
        waiting: deque[Future[Completion | Failure]] = deque()
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(self) as session:
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
            self.taken["answers"] += 1
            self.taken["tokens"] += tokens.total
            self.taken["cost"] += tokens.cost(self.endpoint.prices)
            self.taken["seconds"] += answer.seconds
        return answer
