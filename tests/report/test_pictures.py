"""Pictures of a comparison: which there are, and that they show the numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.records.record import Record, read_record
from coner.report.compare import compare_runs
from coner.report.content import in_order
from coner.report.found import read_found
from coner.report.pictures import confusion_grid, headline, time, write_pictures
from helpers.runs_of_many import GROUPS, make_run, sentences

pytest.importorskip("matplotlib")

GOLD = sentences(60)
NAMES = ("headline", "classes", "confusion", "calibration", "time")


@pytest.fixture
def records(tmp_path: Path) -> dict[str, Record]:
    return {
        run: read_record(make_run(tmp_path / run, GOLD, quality=quality, seed=seed))
        for seed, (run, quality) in enumerate((("base", 0.4), ("good", 0.8), ("poor", 0.2)))
    }


def test_each_picture_is_there_twice_and_the_same_again(records: dict[str, Record], tmp_path: Path) -> None:
    comparison, folders = compare_runs(records), {run: tmp_path / run for run in records}
    found = read_found(records, folders, part="dev", baseline="base")
    for folder in ("plots", "again"):
        written = write_pictures(comparison, records, tmp_path / folder, groups=GROUPS, found=found)
        assert [path.name for path in written] == [f"{name}.{end}" for name in NAMES for end in ("svg", "png")]
    for path in (tmp_path / "plots").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
        assert path.read_bytes().startswith(b"<?xml" if path.suffix == ".svg" else b"\x89PNG")
    text = (tmp_path / "plots" / "confusion.svg").read_text(encoding="utf-8")
    assert "good on dev" in text


def test_records_alone_give_all_but_calibration(records: dict[str, Record], tmp_path: Path) -> None:
    comparison, folders = compare_runs(records), dict.fromkeys(records)
    found = read_found(records, folders, part="dev", baseline="base")
    written = write_pictures(comparison, records, tmp_path / "plots", groups={}, found=found)
    assert {path.stem for path in written} == set(NAMES) - {"calibration"}


def test_headline_and_time_show_each_run(records: dict[str, Record]) -> None:
    comparison = compare_runs(records)
    rows = sorted(comparison.rows, key=lambda row: row.macro_f1)
    axis = headline(comparison).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [row.run for row in rows]
    points = [line.get_xdata()[0] for line in axis.lines if len(line.get_xdata()) == 1]
    assert points == [row.macro_f1 for row in rows]
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in time(comparison).axes[0].lines]
    assert points == [((row.train_seconds or 0) / 60, row.macro_f1) for row in comparison.rows]


def test_confusion_holds_every_mention_and_every_prediction_once(records: dict[str, Record]) -> None:
    record = records["good"]
    labels = in_order(records, "dev", GROUPS)
    grid = confusion_grid(record, "dev", labels)
    classes = record.scores["dev"]["fine"]["classes"]
    for at, label in enumerate(labels):
        result = classes.get(label, {"support": 0, "predicted": 0, "tp": 0})
        assert grid[at].sum() == result["support"]
        assert grid[:, at].sum() == result["predicted"]
        assert grid[at, at] == result["tp"]
    assert grid.min() >= 0
