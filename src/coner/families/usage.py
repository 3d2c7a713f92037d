"""Usage of an endpoint: calls, costs, failures, and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from coner.core.errors import ConfigError


@dataclass(frozen=True)
class Failure:
    """Why a request has no answer, after all retries or because the budget is spent."""

    kind: Literal["budget", "refused", "unreachable", "exhausted"]  # refused: wrong model, key or request
    reason: str  # one line for the user, without the API key


@dataclass(frozen=True)
class Spending:
    """What calls to an endpoint may spend, and which endpoints may be called; ``None``: no limit."""

    tokens: int | None = None  # of prompts and answers together
    cost: float | None = None  # in the currency of the prices
    ledger: Path | None = None  # file that stores the answers, instead of the one in the model folder
    endpoints: tuple[str, ...] = ()  # addresses that the user allows, besides those of the user's config

    def __post_init__(self) -> None:
        if self.cost is not None and not 0 < self.cost < float("inf"):
            raise ConfigError(f"--budget-cost: got {self.cost:g}; expected an amount above 0")

    @property
    def limited(self) -> bool:
        """Whether there is a budget."""
        return self.tokens is not None or self.cost is not None

    def require_none(self, what: str) -> None:
        """Raise ``ConfigError`` if anything is set: ``what`` calls no endpoint."""
        if self != Spending():
            options = "--budget-tokens, --budget-cost, --ledger, --allow-endpoint"
            raise ConfigError(f"{options}: got {what}, which calls no endpoint. Fix: leave these options out")


@dataclass(frozen=True)
class Usage:
    """Calls to a language model; usages can be added."""

    model: str  # its name at the endpoint
    # calls, retries, cached, failed, prompt_tokens, completion_tokens, cost and seconds of this client
    spent: Mapping[str, float] = field(default_factory=dict)
    # answers, tokens, cost and seconds of all answers, those from the ledger with their original costs
    taken: Mapping[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)  # what was read, repaired and dropped in the answers, by rule
    repaired: int = 0  # answers or mentions, summed over ``counts``; so is ``dropped``
    dropped: int = 0
    asked: int = 0  # number of sentences, or spans, in requests
    declined: tuple[str, ...] = ()  # request fields that were left out because the endpoint does not accept them

    def __add__(self, other: Usage) -> Usage:
        return self._combined(other, 1)

    def __sub__(self, earlier: Usage) -> Usage:
        return self._combined(earlier, -1)

    def _combined(self, other: Usage, sign: int) -> Usage:
        def sums(one: Mapping[str, float], two: Mapping[str, float]) -> dict[str, float]:
            return {name: one.get(name, 0) + sign * two.get(name, 0) for name in {**one, **two}}

        return Usage(
            self.model,
            sums(self.spent, other.spent),
            sums(self.taken, other.taken),
            self.counts + other.counts if sign > 0 else self.counts - other.counts,
            self.repaired + sign * other.repaired,
            self.dropped + sign * other.dropped,
            self.asked + sign * other.asked,
            tuple(dict.fromkeys((*self.declined, *other.declined))),
        )

    def per_sentence(self, answered: int) -> dict[str, float]:
        """Mean tokens, cost and seconds per answered sentence."""
        return {f"{name}_per_sentence": self.taken.get(name, 0) / answered for name in ("tokens", "cost", "seconds")}

    def as_record(self, failures: Mapping[Failure, int], *, answered: int, sentences: int) -> dict[str, Any]:
        """Plain values for the record of a split, with the numbers of its answered and of all sentences."""
        return {
            **self.spent,
            **self.per_sentence(answered),
            "repaired": self.repaired,
            "dropped": self.dropped,
            "counts": dict(sorted(self.counts.items())),
            "unanswered": by_kind(failures),
            **({"declined": list(self.declined)} if self.declined else {}),
            **({"partial": {"answered": answered, "sentences": sentences}} if answered < sentences else {}),
        }


def by_kind(failures: Mapping[Failure, int]) -> dict[str, int]:
    """Failures counted by their kind, sorted."""
    kinds: Counter[str] = Counter()
    for failure, count in failures.items():
        kinds[failure.kind] += count
    return dict(sorted(kinds.items()))
