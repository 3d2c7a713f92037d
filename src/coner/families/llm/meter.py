"""Measures what a language model's answers took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from coner.families.llm.prompts.messages import Complete, Completion
from coner.families.llm.settings import Prices
from coner.families.usage import Failure


class Meter:
    """A ``Complete`` that adds up tokens, cost and seconds of another one's answers, those from the ledger included."""

    def __init__(self, complete: Complete, prices: Prices) -> None:
        self._complete = complete
        self._prices = prices
        self.taken: dict[str, float] = {"answers": 0, "tokens": 0, "cost": 0.0, "seconds": 0.0}

    def __call__(self, prompts: Iterable[Any]) -> Iterator[Completion | Failure]:
        """The answers, in order."""
        for answer in self._complete(prompts):
            if isinstance(answer, Completion):
                self._take(answer)
            yield answer

    def _take(self, answer: Completion) -> None:
        prompt, completion = answer.prompt_tokens, answer.completion_tokens
        cost = (prompt * self._prices.prompt + completion * self._prices.completion) / 1e6
        for name, value in (
            ("answers", 1),
            ("tokens", prompt + completion),
            ("cost", cost),
            ("seconds", answer.seconds),
        ):
            self.taken[name] += value
