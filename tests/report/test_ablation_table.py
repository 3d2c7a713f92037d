"""The table of an ablation: means over seeds, and differences from the row that each is compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import pytest

from coner.core.errors import DataError
from coner.evaluation.metrics import BOOTSTRAPPED
from coner.evaluation.significance import difference, holm
from coner.records.ablation import FAILED, is_ablation, write_plan
from coner.records.record import write_record
from coner.report.ablation import read_ablation
from coner.report.grid import Bold
from helpers.records import NOTHING, PERFECT, POOR, SENTENCES, Predicted, fake_record

HALF: Predicted = [entities if i % 3 else () for i, entities in enumerate(PERFECT)]
PLAN: dict[str, dict[str, str | None]] = {
    "full": {"about": "as it is", "against": None},
    "less": {"about": "one thing less", "against": "full"},
    "least": {"about": "", "against": "less"},
    "never": {"about": "not begun", "against": "full"},
}


def put(folder: Path, row: str, seed: int, predicted: Predicted) -> None:
    run = folder / f"{row}.{seed}"
    run.mkdir()
    write_record(fake_record(predicted, folder=run, name=row, seed=seed), run)


@pytest.fixture
def ablation(tmp_path: Path) -> Path:
    write_plan(PLAN, tmp_path)
    for seed, (full, less) in enumerate(((PERFECT, HALF), (HALF, POOR), (PERFECT, POOR)), 1):
        put(tmp_path, "full", seed, full)
        put(tmp_path, "less", seed, less)
    put(tmp_path, "least", 1, NOTHING)
    (tmp_path / "least.2").mkdir()
    (tmp_path / "least.2" / FAILED).write_text("out of memory\n")
    return tmp_path


def test_a_row_is_the_mean_of_its_seeds(ablation: Path) -> None:
    table = read_ablation(ablation)
    full, less, least = table.rows
    assert (table.split, full.name, less.name, least.name) == ("dev", "full", "less", "least")
    assert (full.seeds, least.seeds, full.against, least.against) == ((1, 2, 3), (1,), None, "less")
    macros = [fake_record(each, folder=ablation).scores["dev"].fine.macro_f1 for each in (HALF, POOR, POOR)]
    assert less.scores["macro_f1"] is not None and least.scores["macro_f1"] is not None
    assert less.scores["macro_f1"].mean == pytest.approx(mean(macros))
    assert less.scores["macro_f1"].deviation == pytest.approx(stdev(macros))
    assert least.scores["macro_f1"].deviation is None
    assert least.failed == {"2": "out of memory"}


def test_differences_are_over_the_seeds_that_both_rows_have_and_corrected_for_all_rows(ablation: Path) -> None:
    _, less, least = read_ablation(ablation).rows
    counts = {
        id(predicted): fake_record(predicted, folder=ablation).sentences["dev"]
        for predicted in (PERFECT, HALF, POOR, NOTHING)
    }
    sides = [[counts[id(predicted)] for predicted in side] for side in ((PERFECT, HALF, PERFECT), (HALF, POOR, POOR))]
    alone = [[counts[id(HALF)]], [counts[id(NOTHING)]]]
    for name, metric in BOOTSTRAPPED.items():
        expected = [difference(one, two, metric) for one, two in (sides, alone)]
        corrected = holm([each.p for each in expected])
        for row, each, p in zip((less, least), expected, corrected, strict=True):
            assert row.differences is not None
            assert row.differences[name] == replace(each, corrected_p=p)


def test_the_grid_is_bold_where_a_difference_is_significant(ablation: Path) -> None:
    table = read_ablation(ablation)
    for row, cells in zip(table.rows, table.grid().rows, strict=True):
        assert (cells[0], isinstance(cells[0], Bold)) == (row.name, False)
        significant = bool(row.differences and row.differences["macro_f1"].significant)
        assert [isinstance(cell, Bold) for cell in cells[-2:]] == [significant, significant]
        assert table.as_dict()["rows"][table.rows.index(row)]["name"] == row.name
    assert [cells[1] for cells in table.grid().rows] == ["3", "3", "1 (1 failed)"]
    values = table.as_dict()["rows"][1]
    assert values["differences"]["macro_f1"]["significant"] is True
    assert values["differences"]["macro_f1"]["real"] is True  # the former name
    for name in ("micro_f1", "macro_f1", "span_f1", "train_seconds"):
        assert values[name].keys() == {"mean", "deviation"}
    assert "scores" not in values
    assert "| least | 1 (1 failed) |" in table.grid().markdown()


def test_a_folder_with_a_run_of_another_name_or_seed_is_left_out(ablation: Path) -> None:
    """It would replace the row's own run by that seed."""
    table = read_ablation(ablation)
    (ablation / "full.1").rename(ablation / "full.1.old")
    put(ablation, "full", 1, PERFECT)
    other = read_ablation(ablation)
    assert other.left_out == ("full.1.old",) and other.rows == table.rows and not table.left_out
    (ablation / "full.old").mkdir()
    (ablation / "full.old" / FAILED).write_text("out of memory\n")
    assert read_ablation(ablation).left_out == ("full.1.old", "full.old")
    assert read_ablation(ablation).rows == table.rows


def test_rows_whose_runs_all_failed_are_rows_with_a_reason(tmp_path: Path) -> None:
    write_plan(PLAN, tmp_path)
    for row in ("full", "less"):
        (tmp_path / f"{row}.1").mkdir()
        (tmp_path / f"{row}.1" / FAILED).write_text("out of memory\n")
    table = read_ablation(tmp_path)
    assert [row.name for row in table.rows] == ["full", "less"]
    assert table.failures() == ["full, seed 1: failed: out of memory", "less, seed 1: failed: out of memory"]
    assert "| full | 0 (1 failed) | – |" in table.grid().markdown()


def test_a_second_plan_adds_to_the_first(ablation: Path) -> None:
    write_plan({"more": {"about": "", "against": "full"}}, ablation)
    put(ablation, "more", 1, POOR)
    assert [row.name for row in read_ablation(ablation).rows] == ["full", "less", "least", "more"]
    assert is_ablation(ablation)
    assert not is_ablation(ablation / "full.1")


def test_an_encoder_started_again_alone_is_still_compared_with_the_first(tmp_path: Path) -> None:
    write_plan({"full.a": {"about": "", "against": None}, "full.b": {"about": "", "against": "full.a"}}, tmp_path)
    write_plan({"full.b": {"about": "new", "against": None}}, tmp_path)
    put(tmp_path, "full.a", 1, PERFECT)
    put(tmp_path, "full.b", 1, HALF)
    assert [(row.name, row.against, row.about) for row in read_ablation(tmp_path).rows] == [
        ("full.a", None, ""),
        ("full.b", "full.a", "new"),
    ]


def test_runs_that_cannot_be_compared_are_refused(ablation: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"run 'full\.1' has no scores on test"):
        read_ablation(ablation, split="test")
    run = ablation / "full.9"
    run.mkdir()
    write_record(fake_record(PERFECT[:6], folder=run, name="full", sentences=SENTENCES[:6], seed=9), run)
    with pytest.raises(DataError, match="scored on another dev file"):
        read_ablation(ablation)


def test_a_folder_without_a_finished_run_and_a_damaged_plan_are_refused(tmp_path: Path) -> None:
    write_plan(PLAN, tmp_path)
    with pytest.raises(DataError, match="no run of the plan"):
        read_ablation(tmp_path)
    (tmp_path / ".plan.json").write_text('{"rows": 3}')
    with pytest.raises(DataError, match=r"\.plan\.json: damaged\. Fix: delete it"):
        read_ablation(tmp_path)
