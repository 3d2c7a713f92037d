"""The columns of a comparison: metrics, time and size of runs, and usage of language models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from coner.data.split import noisy_split
from coner.evaluation.metrics import BOOTSTRAPPED, METRICS, Metric, shown_in
from coner.evaluation.significance import Difference
from coner.records.record import Record
from coner.report.grid import DASH

TITLES = {metric.name: metric.titles.get("compare", metric.name) for metric in METRICS}
USAGE_HEADING = (
    "asked",
    "tokens/sentence",
    "cost/1000 sentences",
    "seconds/sentence",
    "repairs",
    "dropped",
    "answered",
)
UsageValues = Mapping[str, float]


@dataclass(frozen=True)
class Column:
    """A value of a run on a split."""

    name: str  # its key in JSON
    read: Callable[[Record, str], float | None]  # ``None`` where it is not known
    title: str | None = None  # the heading; ``None``: in JSON only
    format: Callable[[float], str] = str
    higher_is_better: bool = True
    optional: bool = False  # left out of a table where no run has a value

    def best(self, values: Mapping[str, float | None]) -> tuple[str, ...]:
        """The keys of the best values."""
        known = {run: value for run, value in values.items() if value is not None}
        best = (max if self.higher_is_better else min)(known.values(), default=None)
        return tuple(run for run, value in known.items() if value == best)

    def text(self, value: float | None, bounds: Sequence[float] | None = None) -> str:
        """The value as text, with its interval if there is one."""
        if value is None:
            return DASH
        return self.format(value) + (f" [{self.format(bounds[0])}, {self.format(bounds[1])}]" if bounds else "")


def metric_column(title: str, metric: Metric) -> Column:
    """The column of a metric."""

    def read(record: Record, split: str) -> float | None:
        return metric.read(record.scores[split])

    return Column(metric.name, read, title, "{:.3f}".format, metric.higher_is_better)


def show_difference(difference: Difference) -> tuple[str, str]:
    """Format a difference with its interval, and its p, corrected if there is a correction."""
    one, low, high = (f"{value:+.3f}" for value in (difference.value, difference.low, difference.high))
    return f"{one} [{low}, {high}]", f"{difference.final_p:.3f}"


def duration(seconds: float) -> str:
    """Format seconds as seconds, minutes or hours."""
    minutes = f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
    return f"{seconds:.0f} s" if seconds < 120 else minutes


def usage_values(record: Record, split: str) -> UsageValues | None:
    """The usage of a language model; ``None`` if none was called. Answers from the ledger count in full.

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


def usage_cells(asked: UsageValues) -> list[str]:
    """The cells of a run under the headings ``USAGE_HEADING``, except the first."""
    # A hybrid keeps the first label of a mention for which there is no answer.
    lacking = asked["unanswered"] if asked["answered"] == asked["sentences"] else 0
    return [
        f"{asked['tokens']:,.0f}",
        f"{asked['cost'] * 1000:.3g}" if asked["cost"] else DASH,
        f"{asked['seconds']:.2f}",
        f"{asked['repaired']:,}",
        f"{asked['dropped']:,}",
        f"{asked['answered']:,} of {asked['sentences']:,}" + (f", without {lacking} mentions" if lacking else ""),
    ]


def _noisy_macro_f1(record: Record, split: str) -> float | None:
    scores = record.scores.get(noisy_split(split))
    return None if scores is None else scores.fine.macro_f1


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 1e7 else f"{count / 1e6:.1f} MB"


_METRICS = [
    metric_column(f"{title} (95 %)" if metric.name in BOOTSTRAPPED else title, metric)
    for title, metric in shown_in("compare").items()
]
COLUMNS = (
    *_METRICS[:2],
    Column("noisy_macro_f1", _noisy_macro_f1, "noisy macro", "{:.3f}".format, optional=True),
    *_METRICS[2:],
    Column("macro_classes", lambda record, split: record.scores[split].fine.macro_classes),
    Column("train_seconds", lambda record, _: record.time.train_seconds, "training", duration, higher_is_better=False),
    Column("sentences_per_second", lambda run, split: run.time.of(split).sentences_per_second, "sentences/s", _rate),
    Column("words_per_second", lambda record, split: record.time.of(split).words_per_second),
    Column("parameters", lambda record, _: record.size.parameters),
    Column("bytes", lambda record, _: record.size.bytes, "size", _megabytes, higher_is_better=False),
)
