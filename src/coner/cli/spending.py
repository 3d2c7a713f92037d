"""What the commands that may ask an endpoint share: options that limit it, and reports of missing answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from coner.families.tagger import Tagger
    from coner.records.record import Record
    from coner.tagging.stream import Tally

Tokens = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Language model: use at most N tokens.", show_default=False)
]
Cost = Annotated[
    float | None,
    typer.Option(
        metavar="X", help="Language model: spend at most X, in the currency of its prices.", show_default=False
    ),
]
LedgerFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Language model: file that keeps its answers; default: in its folder.", show_default=False
    ),
]
INCOMPLETE = 3  # exit code


def report_tally(tagger: Tagger, tally: Tally) -> bool:
    """Print the usage of an endpoint, and what has no answer; return whether everything has one."""
    from coner.core.progress import stderr

    usage = tally.usage
    if usage is None:
        return True
    calls = {name: usage.spent.get(name, 0) for name in ("calls", "cached", "prompt_tokens", "completion_tokens")}
    titles = {"prompt_tokens": "prompt tokens", "completion_tokens": "answer tokens"}
    line = ", ".join(f"{value:,} {titles.get(name, name)}" for name, value in calls.items())
    repairs = {"repairs of answers": usage.repaired, "mentions dropped": usage.dropped}
    more = "".join(f", {count:,} {title}" for title, count in repairs.items() if count)
    stderr.print(f"{usage.model}: {line}{more}")
    if usage.declined:
        stderr.print(_declined(usage.declined))
    if message := tally.missing(tagger.unit):
        stderr.print(message)
    return not tally.failures


def report_record(record: Record, out: Path) -> bool:
    """Print which splits have sentences without an answer, or that no call was made; return whether all have one."""
    from coner.core.progress import stderr
    from coner.families.registry import family

    if family(record.kind).asks_endpoint and not record.scores:
        stderr.print(f"{out}: saved; no call was made, because no file to evaluate on is set")
    complete = True
    for name, usage in record.llm.items():
        if usage.declined:
            stderr.print(f"{name}: {_declined(usage.declined)}")
        if not usage.unanswered:
            continue
        complete = False
        kinds = ", ".join(f"{count} {kind}" for kind, count in usage.unanswered.items())
        partial = usage.partial
        scored = f"evaluated on {partial.answered} of {partial.sentences} sentences; " if partial else ""
        stderr.print(f"{name}: {scored}without an answer: {kinds}; run the same command again to ask for the rest")
    return complete


def _declined(fields: Sequence[str]) -> str:
    return f"the endpoint does not accept {' or '.join(fields)}; the requests were sent without"
