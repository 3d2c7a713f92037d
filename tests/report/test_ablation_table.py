"""The table of an ablation: means over seeds, and differences from the row that each stands against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import pytest

from coner.core.errors import DataError
from coner.evaluation.significance import METRICS, difference, holm
from coner.records.ablation import FAILED, is_ablation, write_plan
from coner.records.record import write_record
from coner.report.ablation import read_ablation
from helpers.records import NOTHING, PERFECT, POOR, SENTENCES, Found, fake_record

HALF: Found = [entities if i % 3 else () for i, entities in enumerate(PERFECT)]
PLAN: dict[str, dict[str, str | None]] = {
    "full": {"about": "as it is", "against": None},
    "less": {"about": "one thing less", "against": "full"},
    "least": {"about": "", "against": "less"},
    "never": {"about": "not begun", "against": "full"},
}


def put(folder: Path, row: str, seed: int, found: Found) -> None:
    run = folder / f"{row}.{seed}"
    run.mkdir()
    record = fake_record(found, folder=run, name=row)
    write_record(record.model_copy(update={"seed": seed}), run)


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
    assert (table.part, full.name, less.name, least.name) == ("dev", "full", "less", "least")
    assert (full.seeds, least.seeds, full.against, least.against) == ((1, 2, 3), (1,), None, "less")
    macros = [fake_record(found, folder=ablation).scores["dev"]["fine"]["macro_f1"] for found in (HALF, POOR, POOR)]
    assert less.macro_f1 is not None
    assert (less.macro_f1.mean, less.macro_f1.deviation) == pytest.approx((mean(macros), stdev(macros)))
    assert least.macro_f1 is not None
    assert least.macro_f1.deviation is None
    assert least.failed == {"2": "out of memory"}


def test_differences_are_over_the_seeds_that_both_rows_have_and_corrected_for_all_rows(ablation: Path) -> None:
    _, less, least = read_ablation(ablation).rows
    counts = {
        id(found): fake_record(found, folder=ablation).sentence_counts("dev")
        for found in (PERFECT, HALF, POOR, NOTHING)
    }
    sides = [[counts[id(found)] for found in side] for side in ((PERFECT, HALF, PERFECT), (HALF, POOR, POOR))]
    alone = [[counts[id(HALF)]], [counts[id(NOTHING)]]]
    for name, metric in METRICS.items():
        expected = [difference(one, two, metric) for one, two in (sides, alone)]
        corrected = holm([found.p for found in expected])
        for row, found, p in zip((less, least), expected, corrected, strict=True):
            assert row.differences is not None
            assert row.differences[name] == replace(found, corrected_p=p)


def test_the_grid_is_bold_where_a_difference_is_real(ablation: Path) -> None:
    table = read_ablation(ablation)
    for row, cells in zip(table.rows, table.grid().rows, strict=True):
        assert cells[0] == (row.name, False)
        real = bool(row.differences and row.differences["macro_f1"].real)
        assert [bold for _, bold in cells[-2:]] == [real, real]
        assert table.as_dict()["rows"][table.rows.index(row)]["name"] == row.name
    assert [cells[1][0] for cells in table.grid().rows] == ["3", "3", "1 (1 failed)"]
    assert table.as_dict()["rows"][1]["differences"]["macro_f1"]["real"] is True
    assert "| least | 1 (1 failed) |" in table.grid().markdown()


def test_a_folder_whose_run_is_another_is_left_out_and_told(ablation: Path) -> None:
    """It would take the place of the row's own run by that seed."""
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


def test_a_second_list_adds_to_the_first(ablation: Path) -> None:
    write_plan({"more": {"about": "", "against": "full"}}, ablation)
    put(ablation, "more", 1, POOR)
    assert [row.name for row in read_ablation(ablation).rows] == ["full", "less", "least", "more"]
    assert is_ablation(ablation)
    assert not is_ablation(ablation / "full.1")


def test_an_encoder_begun_again_alone_still_stands_against_the_first(tmp_path: Path) -> None:
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
        read_ablation(ablation, part="test")
    run = ablation / "full.9"
    run.mkdir()
    record = fake_record(PERFECT[:6], folder=run, name="full", sentences=SENTENCES[:6])
    write_record(record.model_copy(update={"seed": 9}), run)
    with pytest.raises(DataError, match="scored on another dev file"):
        read_ablation(ablation)


def test_a_folder_without_a_finished_run_and_a_damaged_list_are_told(tmp_path: Path) -> None:
    write_plan(PLAN, tmp_path)
    with pytest.raises(DataError, match="no run of the list"):
        read_ablation(tmp_path)
    (tmp_path / ".plan.json").write_text('{"rows": 3}')
    with pytest.raises(DataError, match=r"\.plan\.json: damaged. Fix: delete it"):
        read_ablation(tmp_path)
