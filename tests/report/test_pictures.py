"""Pictures of a comparison: which ones are written, and that they show the numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.evaluation.results import Result
from coner.records.record import Record, read_record
from coner.report.compare import compare_runs
from coner.report.pictures import confusion_grid, headline, time, write_pictures
from coner.report.report import Report, make_report
from helpers.fake_runs import make_run, sentences

pytest.importorskip("matplotlib")

GOLD = sentences(60)
NAMES = ("headline", "classes", "confusion", "calibration", "time")


@pytest.fixture
def records(tmp_path: Path) -> dict[str, Record]:
    return {
        run: read_record(make_run(tmp_path / run, GOLD, quality=quality, seed=seed))
        for seed, (run, quality) in enumerate((("base", 0.4), ("good", 0.8), ("poor", 0.2)))
    }


def report_of(records: dict[str, Record], root: Path) -> Report:
    return make_report(compare_runs(records), records, {run: root / run for run in records})


def test_each_picture_is_written_in_both_formats_and_reproducibly(records: dict[str, Record], tmp_path: Path) -> None:
    for folder in ("plots", "again"):
        written = write_pictures(report_of(records, tmp_path), tmp_path / folder)
        assert [path.name for path in written] == [f"{name}.{end}" for name in NAMES for end in ("svg", "png")]
    for path in (tmp_path / "plots").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
        assert path.read_bytes().startswith(b"<?xml" if path.suffix == ".svg" else b"\x89PNG")
    text = (tmp_path / "plots" / "confusion.svg").read_text(encoding="utf-8")
    assert "good on dev" in text


def test_records_without_folders_give_all_pictures_except_calibration(
    records: dict[str, Record], tmp_path: Path
) -> None:
    written = write_pictures(report_of(records, tmp_path / "elsewhere"), tmp_path / "plots")
    assert {path.stem for path in written} == set(NAMES) - {"calibration"}


def test_headline_and_time_show_each_run(records: dict[str, Record]) -> None:
    comparison = compare_runs(records)
    rows = sorted(comparison.rows, key=lambda row: row.macro_f1)
    axis = headline(comparison).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [row.run for row in rows]
    points = [line.get_xdata()[0] for line in axis.lines if len(line.get_xdata()) == 1]
    assert points == [row.macro_f1 for row in rows]
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in time(comparison).axes[0].lines]
    assert points == [((row.values["train_seconds"] or 0) / 60, row.macro_f1) for row in comparison.rows]


def test_confusion_counts_every_mention_and_every_prediction_once(records: dict[str, Record], tmp_path: Path) -> None:
    record, labels = records["good"], report_of(records, tmp_path).labels
    grid = confusion_grid(record, "dev", labels)
    classes = record.scores["dev"].fine.classes
    for at, label in enumerate(labels):
        result = classes.get(label, Result.of(tp=0, support=0, predicted=0))
        assert grid[at].sum() == result.support
        assert grid[:, at].sum() == result.predicted
        assert grid[at, at] == result.tp
    assert grid.min() >= 0
