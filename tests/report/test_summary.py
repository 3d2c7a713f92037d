"""Which run is best, by how much, whether it is significant, and where it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.core.types import Entity, Sentence
from coner.evaluation.metrics import macro_f1
from coner.evaluation.significance import difference
from coner.records.record import Record, read_record
from coner.report.compare import compare_runs
from coner.report.html import render
from coner.report.report import make_report
from coner.report.summary import find_failures, summarise
from helpers.fake_runs import make_run, sentences
from helpers.records import edited, fake_record

GOLD = sentences(150)


def made(folder: Path, **quality: float) -> dict[str, Record]:
    """Runs by ``name_seed``."""
    records = {}
    for run, share in quality.items():
        name, _, seed = run.partition("_")
        made = make_run(folder / run, GOLD, quality=share, seed=int(seed), name=name)
        records[run] = read_record(made)
    return records


def page_of(records: dict[str, Record], baseline: str | None = None) -> str:
    """The page as text, white space as single spaces."""
    pytest.importorskip("jinja2")
    folders = {run: Path("nowhere.json") for run in records}
    page = render(make_report(compare_runs(records, baseline=baseline), records, folders))
    return " ".join(page[page.index('id="summary"') : page.index('id="scores"')].split())


def test_the_best_runs_are_compared_with_the_next_and_the_baseline(tmp_path: Path) -> None:
    records = made(tmp_path, low_1=0.2, high_1=0.8, high_2=0.75, middle_1=0.5, middle_2=0.4)
    summary = summarise(compare_runs(records), records)
    assert (summary.best, summary.runs, summary.interval) == ("high", ["high_1", "high_2"], None)
    assert summary.next is not None and summary.baseline is not None
    assert (summary.next.other, summary.next.seeds) == ("middle", 2)
    counts = {run: record.sentences["dev"] for run, record in records.items()}
    sides = [[counts[f"{name}_{seed}"] for seed in (1, 2)] for name in ("middle", "high")]
    assert summary.next.difference == difference(*sides, macro_f1)
    assert summary.next.difference.significant
    # Only one seed of the baseline: that seed of the best.
    assert (summary.baseline.other, summary.baseline.seeds) == ("low", 1)
    assert summary.baseline.difference == difference([counts["low_1"]], [counts["high_1"]], macro_f1)
    page = page_of(records)
    assert "<strong>high</strong> has the highest macro F1 in the mean of 2 seeds" in page
    assert "<strong>significantly</strong> better than the second best, <strong>middle</strong>" in page
    assert "<strong>significantly</strong> better than the baseline, <strong>low</strong>" in page
    assert "with 1 run of each" in page


def test_a_difference_is_that_of_the_table_of_scores(tmp_path: Path) -> None:
    records = made(tmp_path, low_1=0.2, high_1=0.8, near_2=0.79)
    comparison = compare_runs(records)
    summary = summarise(comparison, records)
    best = {"high": "high_1", "near": "near_2"}[summary.best]
    row = next(row for row in comparison.rows if row.run == best)
    assert summary.baseline is not None and row.differences is not None and summary.next is not None
    assert summary.baseline.difference == row.differences["macro_f1"]
    assert summary.interval == row.intervals["macro_f1"]
    assert summary.next.difference is not None and not summary.next.difference.significant
    assert "<strong>not significantly</strong> better than the second best" in page_of(records)


def test_another_run_may_have_the_highest_micro_f1(tmp_path: Path) -> None:
    records = made(tmp_path, low_1=0.4, high_1=0.8)
    assert summarise(compare_runs(records), records).micro is None
    records["low_1"] = edited(records["low_1"], "scores.dev.fine.micro_f1", 0.99)
    summary = summarise(compare_runs(records), records)
    assert summary.best == "high"
    assert summary.micro is not None and (summary.micro[0], str(summary.micro[1])) == ("low", "0.990")
    assert "By micro F1, <strong>low</strong> is the highest (0.990)" in page_of(records)


def test_one_run_and_incomparable_runs_are_not_called_best(tmp_path: Path) -> None:
    records = made(tmp_path, a_1=0.5, b_1=0.6)
    assert "There is no other run to compare it with." in page_of({"a_1": records["a_1"]})
    assert summarise(compare_runs({"a_1": records["a_1"]}), records).next is None
    records["b_1"] = edited(records["b_1"], "data.dev.sha256", "e" * 64)
    page = page_of(records)
    assert "None is called best" in page
    assert "has the highest" not in page


def test_failures_are_counted_by_kind(tmp_path: Path) -> None:
    gold = [
        Sentence(("a", "b", "c"), (Entity(0, 1, "Artist"), Entity(2, 3, "City"))),
        Sentence(("a", "b", "c"), (Entity(0, 1, "Artist"),)),
        Sentence(("a",), ()),
    ]
    predicted = [
        (Entity(0, 1, "City"), Entity(2, 3, "City")),  # another class, right
        (Entity(0, 2, "Artist"),),  # missed, and spurious
        (Entity(0, 1, "City"),),  # spurious
    ]
    record = fake_record(predicted, folder=tmp_path, sentences=gold)
    found = find_failures("run", {"run": record}, "dev")
    counts = (found.support, found.right, found.confused, found.missed, found.spurious)
    assert counts == (3, 1, 1, 1, 2)
    assert found.confusions == [("Artist", "City", 1)]
    assert [(label, errors) for label, _, errors in found.classes] == [("Artist", 3), ("City", 2)]
