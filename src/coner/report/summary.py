"""The summary of a comparison: which runs are best, by how much, whether it is significant, where they fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from coner.evaluation.results import Result
from coner.evaluation.significance import Difference, same_gold, swaps_for
from coner.records.record import Record
from coner.report.ablation import Spread
from coner.report.compare import Comparison, paired
from coner.report.pools import pools

METRIC = "macro_f1"  # that runs are ordered by
SHOWN = 5  # classes and confusions


@dataclass(frozen=True)
class Lead:
    """The difference between the best runs and others."""

    other: str  # name of the pool
    runs: Sequence[str]
    score: Spread
    seeds: int  # on each side, that the difference is over
    difference: Difference | None  # ``None`` where they cannot be paired


@dataclass(frozen=True)
class Failures:
    """The errors of one run, in mentions; a span is exact."""

    run: str
    support: int
    right: int
    confused: int  # of another class
    missed: int
    spurious: int
    classes: Sequence[tuple[str, Result, int]]  # with the most errors: missed, spurious or of another class
    confusions: Sequence[tuple[str, str, int]]  # most frequent: gold, predicted, count


@dataclass(frozen=True)
class Summary:
    """The best runs of a comparison; they differ in nothing but the seed."""

    best: str  # name of the pool
    score: Spread
    interval: Sequence[float] | None  # of a single run: 95 %
    runs: Sequence[str]
    next: Lead | None  # over the second best; ``None`` where there is no other
    baseline: Lead | None  # over the baseline; ``None`` where that is the best or the second best
    micro: tuple[str, Spread] | None  # the pool with the highest micro F1, where that is another one
    failures: Failures


def summarise(comparison: Comparison, records: Mapping[str, Record]) -> Summary:
    """Summarise a comparison by macro F1, in the mean of the runs that differ in nothing but the seed."""
    split = comparison.split
    pooled = pools({row.run: records[row.run] for row in comparison.rows})

    def means(read: Callable[[str], float]) -> dict[str, Spread]:
        found = {name: spread for name, runs in pooled.items() if (spread := Spread.of(map(read, runs)))}
        return dict(sorted(found.items(), key=lambda item: -item[1].mean))

    def macro(run: str) -> float:
        return records[run].scores[split].fine.macro_f1

    scores, by_micro = means(macro), means(lambda run: records[run].scores[split].fine.micro_f1)
    ranked, micro = list(scores), next(iter(by_micro.items()))
    best, base = ranked[0], next(name for name, runs in pooled.items() if comparison.baseline in runs)
    row = next(row for row in comparison.rows if row.run == pooled[best][0])

    def lead(name: str) -> Lead:
        sides = _pairs([records[run] for run in pooled[name]], [records[run] for run in pooled[best]])
        counts = [run.sentences[split] for side in sides for run in side]
        comparable = not comparison.warnings and all(same_gold(counts[0], other) for other in counts)
        tested = paired(*sides, split, swaps_for(1))[METRIC] if comparable else None
        if tested and pooled[name] == [comparison.baseline] and len(pooled[best]) == 1 and row.differences:
            tested = row.differences[METRIC]  # as in the table of scores, corrected for the number of runs
        return Lead(name, pooled[name], scores[name], len(sides[0]), tested)

    return Summary(
        best,
        scores[best],
        row.intervals.get(METRIC) if len(pooled[best]) == 1 else None,
        pooled[best],
        lead(ranked[1]) if len(ranked) > 1 else None,
        lead(base) if base not in ranked[:2] else None,
        None if micro[0] == best else micro,
        find_failures(max(pooled[best], key=macro), records, split),
    )


def find_failures(run: str, records: Mapping[str, Record], split: str) -> Failures:
    """Count the errors of a run on a split."""
    classes, confusion = records[run].scores[split].fine.classes, records[run].confusion[split]
    pairs = [(gold, predicted, count) for gold, row in confusion.items() for predicted, count in row.items()]
    support, right = (sum(getattr(of, name) for of in classes.values()) for name in ("support", "tp"))
    spans = sum(count for *_, count in pairs)  # predicted exactly, whatever the class
    errors = [(label, of, of.support + of.predicted - 2 * of.tp) for label, of in classes.items()]
    return Failures(
        run,
        support,
        right,
        confused=spans - right,
        missed=support - spans,
        spurious=sum(of.predicted for of in classes.values()) - spans,
        classes=sorted((each for each in errors if each[2]), key=lambda each: -each[2])[:SHOWN],
        confusions=sorted((pair for pair in pairs if pair[0] != pair[1]), key=lambda pair: -pair[2])[:SHOWN],
    )


def _pairs(first: Sequence[Record], second: Sequence[Record]) -> tuple[Sequence[Record], Sequence[Record]]:
    """Equally many runs on each side: those of the seeds that both have, else as many as the smaller side has."""
    one, two = ({run.seed: run for run in sorted(side, key=lambda run: run.seed)} for side in (first, second))
    if common := [seed for seed in one if seed in two]:
        return [one[seed] for seed in common], [two[seed] for seed in common]
    count = min(len(one), len(two))
    return list(one.values())[:count], list(two.values())[:count]
