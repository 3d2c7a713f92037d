"""What commands share that may ask an endpoint: options that bound it, and how what has no answer is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from coner.families.llm.account import Account
    from coner.families.tagger import Tagger
    from coner.records.record import Record

Tokens = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="A language model: ask for no more tokens than these.")
]
Cost = Annotated[float | None, typer.Option(metavar="X", help="A language model: spend no more, by its prices.")]
LedgerFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A language model: file of its answers, if not in its folder.")
]
INCOMPLETE = 3


def check_cost(cost: float | None) -> None:
    """``ConfigError`` where it is no amount."""
    from coner.core.errors import ConfigError

    if cost is not None and not 0 < cost < float("inf"):
        raise ConfigError(f"--budget-cost {cost:g}: expected an amount above 0")


def check_unused(what: str, *options: object) -> None:
    """``ConfigError`` where something is to be bounded that asks no endpoint.

    Args:
        what: it is.
        options: the budget of tokens, that of cost, the ledger.
    """
    from coner.core.errors import ConfigError

    if any(option is not None for option in options):
        raise ConfigError(f"--budget-tokens, --budget-cost, --ledger: {what}, and asks no endpoint; leave them out")


def tell(tagger: Tagger, asked: Account, sentences: int) -> bool:
    """Say what has no answer, and what was asked; whether nothing is lacking.

    Args:
        tagger: any.
        asked: by this command.
        sentences: how many there were.
    """
    from coner.core.progress import stderr
    from coner.families.asking import Asking, lacking
    from coner.families.llm.answers.outcomes import dropped

    if not isinstance(tagger, Asking):
        return True
    told = {name: asked.spent.get(name, 0) for name in ("calls", "cached", "prompt_tokens", "completion_tokens")}
    names = {"prompt_tokens": "tokens asked", "completion_tokens": "tokens answered"}
    line = ", ".join(f"{value:,} {names.get(name, name)}" for name, value in told.items())
    mended = {"repairs of answers": asked.repaired, "mentions dropped": dropped(asked.counts)}
    more = "".join(f", {count:,} {what}" for what, count in mended.items() if count)
    stderr.print(f"{tagger.model}: {line}{more}")
    if asked.declined:
        stderr.print(_declined(asked.declined))
    if message := lacking(asked, sentences=sentences, unit=tagger.unit):
        stderr.print(message)
    return not asked.failures


def tell_record(record: Record, out: Path) -> bool:
    """Say which parts of a run in ``out`` are scored in part, or that nothing was asked; whether all are whole."""
    from coner.core.progress import stderr

    if record.kind in ("llm", "hybrid") and not record.scores:
        stderr.print(f"{out}: stored; no call was made, as no file to score it on is named")
    whole = True
    for name, values in (record.llm or {}).items():
        if declined := values.get("declined"):
            stderr.print(f"{name}: {_declined(declined)}")
        if not (reasons := values["unanswered"]):
            continue
        whole = False
        kinds = ", ".join(f"{count} {kind}" for kind, count in reasons.items())
        partial = values.get("partial")
        scored = f"scored on {partial['answered']} of {partial['sentences']} sentences; " if partial else ""
        stderr.print(f"{name}: {scored}without an answer: {kinds}; the same command asks for the rest")
    return whole


def _declined(what: Sequence[str]) -> str:
    return f"the endpoint does not take {' nor '.join(what)}; it was asked without"
