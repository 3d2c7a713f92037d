"""Taggers that ask an endpoint: it costs, it may be bounded, and a sentence may have no answer.

Every other tagger answers for every sentence; what works with both goes through the functions here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from coner.core.errors import ConfigError, Unanswered
from coner.core.types import Entity, Sentence
from coner.families.llm.account import Account
from coner.families.llm.settings import Budget
from coner.families.llm.answers.outcomes import Rule
from coner.families.tagger import Tagger
from coner.hub.files import ASKING

LEDGER = "ledger.sqlite"  # in the model's folder
KINDS = ASKING  # of the taggers here, as model.json names them


@runtime_checkable
class Asking(Tagger, Protocol):
    """A tagger that asks an endpoint.

    Attributes:
        model: name of the language model.
        together: sentences that share a call; whoever asks in pieces makes them multiples of it, so that the ledger
            knows the prompts again.
        unit: what has no answer where one is lacking: ``sentence``, or ``span``, where the sentence is tagged still.
    """

    model: str
    together: int
    unit: str

    def allow(self, budget: Budget, ledger: Path | None) -> None:
        """What all calls of this tagger may spend, and where answers are kept; to be said before the first call."""
        ...

    def answers(self, sentences: Iterable[Sentence]) -> Iterator[list[Entity] | None]:
        """Entities of each sentence, in order, as they come; ``None`` where there is no answer."""
        ...

    def account(self) -> Account:
        """What was asked so far."""
        ...


def answers(tagger: Tagger, sentences: Sequence[Sentence]) -> Iterator[list[Entity] | None]:
    """Entities of each sentence, in order; ``None`` where there is no answer."""
    return tagger.answers(sentences) if isinstance(tagger, Asking) else iter(tagger.tag(sentences))


def account(tagger: Tagger) -> Account:
    """What a tagger asked so far; nothing where it asks nobody."""
    return tagger.account() if isinstance(tagger, Asking) else Account()


def allow(tagger: Tagger, *, tokens: int | None, cost: float | None, ledger: Path | None) -> None:
    """Bound what a tagger may spend.

    Raises:
        ConfigError: it asks no endpoint, and something is to be bounded.
    """
    if isinstance(tagger, Asking):
        tagger.allow(Budget(tokens=tokens, cost=cost), ledger)
    elif tokens is not None or cost is not None or ledger is not None:
        raise ConfigError(
            f"--budget-tokens, --budget-cost, --ledger: a model of kind {tagger.kind} asks no endpoint; leave them out"
        )


def check_answered(asked: Account, answered: int) -> None:
    """``Unanswered`` where there were failures and not one answer."""
    if not answered and asked.failures:
        raise Unanswered("no sentence has an answer", asked.failures)


def lacking(asked: Account, *, sentences: int, unit: str) -> str | None:
    """What has no answer, by count and reason, in one line; ``None`` where nothing is lacking.

    Args:
        asked: so far.
        sentences: how many there were.
        unit: of what was asked, see ``Asking``.
    """
    if not asked.failures:
        return None
    [(first, _)] = asked.failures.most_common(1)
    total = asked.counts[Rule.CHOICES] if unit == "span" else sentences
    kinds = ", ".join(f"{count} {kind}" for kind, count in asked.reasons.items())
    return (
        f"{asked.failures.total()} of {total} {unit}s have no answer ({kinds}): {first.reason}; "
        "what is answered is kept"
    )
