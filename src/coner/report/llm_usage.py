"""What language models took for the answers of a run, per sentence: a table beside the scores."""

from __future__ import annotations

from collections.abc import Mapping

from coner.records.record import Record
from coner.report.grid import DASH, Grid

HEADING = ("asked", "tokens/sentence", "cost/1000 sentences", "seconds/sentence", "repairs", "dropped", "answered")
Asked = Mapping[str, float]


def asked_of(record: Record, split: str) -> Asked | None:
    """The usage on a split; ``None`` where no language model was asked. Answers from the ledger count in full.

    ``answered`` of ``sentences`` have an answer; ``tokens``, ``cost`` and ``seconds`` are per answered sentence;
    ``repaired`` counts answers and mentions that had to be repaired, ``dropped`` mentions that match no words or no
    class, ``unanswered`` sentences or spans.
    """
    usage = record.llm.get(split)
    if usage is None:
        return None
    total = record.scores[split].sentences
    return {
        "answered": usage.partial.answered if usage.partial else total,
        "sentences": usage.partial.sentences if usage.partial else total,
        "tokens": usage.tokens_per_sentence,
        "cost": usage.cost_per_sentence,
        "seconds": usage.seconds_per_sentence,
        "repaired": usage.repaired,
        "dropped": usage.dropped,
        "unanswered": sum(usage.unanswered.values()),
    }


def asked_grid(asked: Mapping[str, Asked]) -> Grid:
    """The table, a run a line."""
    return Grid.of(HEADING, [(run, *_cells(each)) for run, each in asked.items()])


def _cells(asked: Asked) -> tuple[str, ...]:
    # A hybrid keeps the first label of a mention for which there is no answer.
    lacking = asked["unanswered"] if asked["answered"] == asked["sentences"] else 0
    return (
        f"{asked['tokens']:,.0f}",
        f"{asked['cost'] * 1000:.3g}" if asked["cost"] else DASH,
        f"{asked['seconds']:.2f}",
        f"{asked['repaired']:,}",
        f"{asked['dropped']:,}",
        f"{asked['answered']:,} of {asked['sentences']:,}" + (f", without {lacking} mentions" if lacking else ""),
    )
