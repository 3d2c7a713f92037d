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
    """Why a request has no answer, after all retries or because the budget is spent.

    Attributes:
        kind: ``budget``, ``refused`` (by the endpoint: wrong model, key, request), ``unreachable`` or ``exhausted``.
        reason: one line for the user, without the API key.
    """

    kind: Literal["budget", "refused", "unreachable", "exhausted"]
    reason: str


@dataclass(frozen=True)
class Spending:
    """Limits on what calls to an endpoint may spend; ``None``: no limit.

    Attributes:
        tokens: of prompts and answers together.
        cost: in the currency of the prices.
        ledger: file that keeps the answers, in place of the one in the model's folder.
    """

    tokens: int | None = None
    cost: float | None = None
    ledger: Path | None = None

    def __post_init__(self) -> None:
        if self.cost is not None and not 0 < self.cost < float("inf"):
            raise ConfigError(f"--budget-cost: got {self.cost:g}; expected an amount above 0")

    def require_none(self, what: str) -> None:
        """Raise ``ConfigError`` if there is a limit or a ledger: ``what`` asks no endpoint."""
        if self != Spending():
            options = "--budget-tokens, --budget-cost, --ledger"
            raise ConfigError(f"{options}: got {what}, which asks no endpoint. Fix: leave these options out")


@dataclass(frozen=True)
class Usage:
    """Calls to a language model; usages can be added.

    Attributes:
        model: its name at the endpoint.
        spent: ``calls``, ``retries``, ``cached``, ``failed``, ``prompt_tokens``, ``completion_tokens``, ``cost`` and
            ``seconds``, now.
        taken: ``answers``, ``tokens``, ``cost`` and ``seconds`` of all answers, those from the ledger with their
            original costs.
        counts: what was read, repaired and dropped in the answers, by rule.
        repaired, dropped: answers or mentions, summed over ``counts``.
        asked: number of sentences, or spans, in requests.
        declined: request fields that were left out because the endpoint does not accept them.
    """

    model: str
    spent: Mapping[str, float] = field(default_factory=dict)
    taken: Mapping[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    dropped: int = 0
    asked: int = 0
    declined: tuple[str, ...] = ()

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            other.model,
            _combined(self.spent, other.spent, 1),
            _combined(self.taken, other.taken, 1),
            self.counts + other.counts,
            self.repaired + other.repaired,
            self.dropped + other.dropped,
            self.asked + other.asked,
            tuple(dict.fromkeys((*self.declined, *other.declined))),
        )

    def __sub__(self, earlier: Usage) -> Usage:
        return Usage(
            self.model,
            _combined(self.spent, earlier.spent, -1),
            _combined(self.taken, earlier.taken, -1),
            self.counts - earlier.counts,
            self.repaired - earlier.repaired,
            self.dropped - earlier.dropped,
            self.asked - earlier.asked,
            self.declined,
        )

    def per_sentence(self, answered: int) -> dict[str, float]:
        """Mean tokens, cost and seconds of a sentence that has an answer."""
        return {f"{name}_per_sentence": self.taken.get(name, 0) / answered for name in ("tokens", "cost", "seconds")}

    def as_record(self, failures: Mapping[Failure, int], *, answered: int, sentences: int) -> dict[str, Any]:
        """Plain values for the record of a split.

        Args:
            failures: with counts.
            answered: number of sentences with an answer.
            sentences: number of sentences of the split.
        """
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


def _combined(one: Mapping[str, float], other: Mapping[str, float], sign: int) -> dict[str, float]:
    return {name: one.get(name, 0) + sign * other.get(name, 0) for name in {**one, **other}}
