"""What language models took for the answers of a run, a sentence: a table beside the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coner.records.record import Record
from coner.report.grid import DASH, Grid


@dataclass(frozen=True)
class Asked:
    """Of one run, on one part. Answers of the ledger count at what they once took.

    Attributes:
        answered, sentences: how many sentences have an answer, of how many.
        tokens, cost, seconds: of a sentence that has one: of prompts and answers, by the prices, and of the calls.
        repaired: answers and mentions that could be read only after something was mended.
        dropped: mentions of answers that fit no words or no class, or fit twice.
        unanswered: sentences or spans without an answer.
    """

    answered: int
    sentences: int
    tokens: float
    cost: float
    seconds: float
    repaired: int
    dropped: int
    unanswered: int


def asked_of(record: Record, part: str) -> Asked | None:
    """What a record tells of a part; ``None`` where no language model was asked."""
    told = (record.llm or {}).get(part)
    if told is None:
        return None
    total = int(record.scores[part].get("sentences", 0))
    partial = told.get("partial") or {"answered": total, "sentences": total}
    return Asked(
        answered=partial["answered"],
        sentences=partial["sentences"],
        tokens=told.get("tokens_per_sentence", 0.0),
        cost=told.get("cost_per_sentence", 0.0),
        seconds=told.get("seconds_per_sentence", 0.0),
        repaired=told.get("repaired", 0),
        dropped=told.get("dropped", 0),
        unanswered=sum(told.get("unanswered", {}).values()),
    )


def _lacking(asked: Asked) -> str:
    """Of a hybrid: mentions that kept their label for want of an answer."""
    return f", less {asked.unanswered} mentions" if asked.unanswered and asked.answered == asked.sentences else ""


def asked_grid(asked: Mapping[str, Asked]) -> Grid:
    """The table, a run a line."""
    heading = ["asked", "tokens/sentence", "cost/1000 sentences", "seconds/sentence", "repairs", "dropped", "answered"]
    rows = [
        [
            run,
            f"{each.tokens:,.0f}",
            f"{each.cost * 1000:.3g}" if each.cost else DASH,
            f"{each.seconds:.2f}",
            f"{each.repaired:,}",
            f"{each.dropped:,}",
            f"{each.answered:,} of {each.sentences:,}{_lacking(each)}",
        ]
        for run, each in asked.items()
    ]
    return Grid(heading, [[(cell, False) for cell in row] for row in rows])
