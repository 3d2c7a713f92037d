"""``coner compare`` has a column of noisy scores where a record has them."""

from __future__ import annotations

from pathlib import Path

from coner.records.record import Record
from coner.report.compare import compare_runs, grids
from coner.report.grid import DASH
from helpers.records import NOTHING, PERFECT, POOR, edited, fake_record


def noisy(record: Record, copy: Record, *, split: str = "dev", sha256: str = "n" * 64) -> Record:
    """The record with the scores of another as those on its noisy copy."""
    data = copy.data["dev"].model_copy(update={"sha256": sha256})
    return edited(edited(record, f"data.{split}_noisy", data), f"scores.{split}_noisy", copy.scores["dev"])


def column(markdown: str, title: str) -> list[str]:
    heading, _, *rows = [[cell.strip() for cell in line.split("|")] for line in markdown.splitlines()]
    return [row[heading.index(title)] for row in rows]


def test_the_column_appears_where_a_record_has_noisy_scores(tmp_path: Path) -> None:
    perfect, poor, nothing = (fake_record(predicted, folder=tmp_path) for predicted in (PERFECT, POOR, NOTHING))
    assert "noisy" not in grids(compare_runs({"a": perfect, "b": poor}))[0].markdown()
    runs = {"a": noisy(perfect, nothing), "b": noisy(perfect, poor), "c": perfect}
    comparison = compare_runs(runs)
    assert not comparison.warnings
    assert comparison.best["noisy_macro_f1"] == ("b",)
    value = poor.scores["dev"].fine.macro_f1
    assert column(grids(comparison)[0].markdown(), "noisy macro") == ["0.000", f"**{value:.3f}**", DASH]


def test_the_column_is_of_the_split_that_is_compared(tmp_path: Path) -> None:
    record = noisy(fake_record(PERFECT, folder=tmp_path, splits=("dev", "test")), fake_record(POOR, folder=tmp_path))
    assert compare_runs({"a": record}, split="test").rows[0].values["noisy_macro_f1"] is None
    assert compare_runs({"a": record}, split="dev").rows[0].values["noisy_macro_f1"] is not None


def test_other_noise_is_a_warning_and_nothing_is_best(tmp_path: Path) -> None:
    perfect, poor = (fake_record(predicted, folder=tmp_path) for predicted in (PERFECT, POOR))
    runs = {"plain": perfect, "a": noisy(perfect, poor), "b": noisy(perfect, poor, sha256="m" * 64)}
    comparison = compare_runs(runs)
    assert comparison.warnings == ("b was scored with other noise than a",)
    assert not comparison.best
