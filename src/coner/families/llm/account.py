"""What a tagger asked of a language model: what it spent now, and what its answers took, the ledger's among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from coner.families.llm.answers.outcomes import Rule, dropped
from coner.families.llm.prompts.messages import Complete, Completion, Failure
from coner.families.llm.settings import Prices


@dataclass(frozen=True)
class Account:
    """So far, or between two moments.

    Attributes:
        spent: calls, retries, cached, failed, prompt_tokens, completion_tokens, cost and seconds (see
            ``ledger.Totals``): what was paid now.
        taken: answers, tokens, cost and seconds of all answers, those of the ledger at what they once took.
        counts: what was read, mended and dropped in answers, by rule (see ``tally``).
        failures: why what was asked has no answer, by how many of the things that were asked (sentences, or spans).
        declined: what the endpoint would not take, and was asked without, as far as it has told.
    """

    spent: Mapping[str, float] = field(default_factory=dict)
    taken: Mapping[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[Failure] = field(default_factory=Counter)
    declined: tuple[str, ...] = ()

    def since(self, earlier: Account) -> Account:
        """What came after ``earlier``."""
        return Account(
            _less(self.spent, earlier.spent),
            _less(self.taken, earlier.taken),
            self.counts - earlier.counts,
            self.failures - earlier.failures,
            self.declined,
        )

    @property
    def reasons(self) -> dict[str, int]:
        """How many have no answer, by the kind of the failure."""
        kinds: Counter[str] = Counter()
        for failure, count in self.failures.items():
            kinds[failure.kind] += count
        return dict(sorted(kinds.items()))

    @property
    def repaired(self) -> int:
        """Answers and mentions that could be read only after something was mended."""
        return sum(self.counts[rule] for rule in Rule if rule.fate == "repaired")

    def shares(self, answered: int) -> dict[str, float]:
        """Tokens, cost and seconds of one of so many sentences with an answer."""
        return {f"{name}_per_sentence": self.taken.get(name, 0) / answered for name in ("tokens", "cost", "seconds")}

    def as_record(self, *, answered: int, sentences: int) -> dict[str, Any]:
        """For the record of a part.

        Args:
            answered: sentences with an answer; tokens, cost and seconds are told by one of them.
            sentences: of the part.
        """
        partial = {"partial": {"answered": answered, "sentences": sentences}} if answered < sentences else {}
        declined = {"declined": list(self.declined)} if self.declined else {}
        return {
            **self.spent,
            **self.shares(answered),
            "repaired": self.repaired,
            "dropped": dropped(self.counts),
            "counts": dict(sorted(self.counts.items())),
            "unanswered": self.reasons,
            **declined,
            **partial,
        }


def _less(now: Mapping[str, float], earlier: Mapping[str, float]) -> dict[str, float]:
    return {name: value - earlier.get(name, 0) for name, value in now.items()}


class Meter:
    """A ``Complete`` that keeps account of another one's answers."""

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
