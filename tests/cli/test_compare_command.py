"""``coner compare``: run folders and records in one table; what is left out is named on stderr."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.records.record import write_record
from helpers.records import PERFECT, POOR, fake_record
from helpers.shell import Completed, World, refusal

Coner = Callable[..., Completed]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs: a poor one, evaluated on dev, and a perfect one, on dev and test."""
    for name, predicted, splits in (("poor", POOR, ("dev",)), ("perfect", PERFECT, ("dev", "test"))):
        folder = tmp_path / name
        folder.mkdir()
        write_record(fake_record(predicted, folder=folder, splits=splits), folder)
    return tmp_path


def test_table_has_one_row_per_run_and_per_difference(coner: Coner, runs: Path) -> None:
    done = coner("compare", runs / "poor", runs / "perfect")
    assert (done.code, done.err) == (0, "")
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["Scores", "on", "dev"]
    assert [row[0] for row in rows if row and row[0] in ("poor", "perfect")] == ["poor", "perfect", "perfect"]
    assert next(row for row in rows if row and row[0] == "perfect")[1:3] == ["1.000", "[1.000,"]


def test_long_names_are_not_cut(coner: Coner, runs: Path) -> None:
    long = runs / ("x" * 150)
    (runs / "poor").rename(long)
    assert "x" * 150 in coner("compare", long, runs / "perfect").out


def test_json_is_one_object(coner: Coner, runs: Path) -> None:
    (runs / "empty").mkdir()
    done = coner("compare", runs / "poor", runs / "empty", runs / "perfect", "--json", "--baseline", "perfect")
    values = json.loads(done.out)
    assert (values["split"], values["baseline"], values["left_out"]) == ("dev", "perfect", [str(runs / "empty")])
    assert [row["run"] for row in values["rows"]] == ["poor", "perfect"]
    assert values["best"]["macro_f1"] == ["perfect"]
    assert done.err == f"{runs / 'empty'}: left out, no record.json in it\n1 of 3 left out\n"


def test_a_run_named_twice_is_shown_once(coner: Coner, runs: Path) -> None:
    (runs / "latest").symlink_to(runs / "poor")
    for other in (runs / "poor" / "record.json", runs / "latest", runs / "poor"):
        done = coner("compare", runs / "poor", runs / "perfect", other, "--json")
        assert [row["run"] for row in json.loads(done.out)["rows"]] == ["poor", "perfect"]
        assert f"{other}: left out, the same record as {runs / 'poor'}" in done.err and "1 of 3 left out" in done.err


def test_best_values_are_bold_in_markdown(coner: Coner, runs: Path) -> None:
    done = coner("compare", runs / "poor", runs / "perfect", "--markdown")
    assert done.out.startswith("Scores on dev.\n\n| run |")
    assert "| perfect | **1.000 [1.000, 1.000]** | **1.000 [1.000, 1.000]** |" in done.out


@pytest.mark.parametrize("option", ["--split", "--part"])
def test_a_run_without_scores_on_the_split_is_left_out(coner: Coner, runs: Path, option: str) -> None:
    done = coner("compare", runs / "poor", runs / "perfect", option, "test", "--json")
    assert [row["run"] for row in json.loads(done.out)["rows"]] == ["perfect"]
    assert done.err == "poor: left out, it has no scores on test\n1 of 2 left out\n"


def test_the_former_name_of_the_option_is_hidden(coner: Coner) -> None:
    text = coner("compare", "--help").out
    assert "--split" in text and "--part" not in text


def test_records_and_folders_of_one_name_are_named_by_path(coner: Coner, runs: Path, tmp_path: Path) -> None:
    copy = tmp_path / "results" / "poor.json"
    copy.parent.mkdir()
    copy.write_bytes((runs / "poor" / "record.json").read_bytes())
    places = [str(runs / "poor"), str(copy), str(runs / "perfect" / "record.json")]
    values = json.loads(coner("compare", *places, "--json").out)
    assert [row["run"] for row in values["rows"]] == [*places[:2], "perfect"]


def test_runs_that_must_not_be_compared_give_a_warning(coner: Coner, runs: Path) -> None:
    write_record(fake_record(PERFECT, folder=runs, sha256="e" * 64), runs / "perfect")
    done = coner("compare", runs / "poor", runs / "perfect", "--markdown")
    assert done.code == 0
    assert done.err.startswith("Warning: do not compare these numbers: perfect was scored on other data than poor")
    assert "**" not in done.out


def test_a_trained_run_is_shown(coner: Coner, world: World) -> None:
    (row,) = json.loads(coner("compare", world.model, "--json").out)["rows"]
    assert (row["run"], row["kind"], row["parameters"]) == ("model", "crf", None)
    assert row["bytes"] > 0 < row["words_per_second"]


def test_wrong_input_is_refused_in_one_line(coner: Coner, runs: Path) -> None:
    (runs / "damaged").mkdir()
    (runs / "damaged" / "record.json").write_text("{")
    (runs / "empty").mkdir()
    assert "no record; expected a run folder" in refusal(coner("compare", runs / "missing"))
    assert "record.json: damaged" in refusal(coner("compare", runs / "poor", runs / "damaged"))
    assert "--baseline: got 'best'; expected one of the runs" in refusal(
        coner("compare", runs / "poor", "--baseline", "best")
    )
    assert "got --json and --markdown" in refusal(coner("compare", runs / "poor", "--json", "--markdown"))
    done = coner("compare", runs / "empty")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("coner: none of the 1 paths has a record with scores on")
