"""Runs side by side: the best values, warnings, and paired differences."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.evaluation.metrics import BOOTSTRAPPED
from coner.evaluation.significance import difference, holm
from coner.hub.names import model_name
from coner.records.plain import plain
from coner.records.record import Record
from coner.records.sections import Intervals, Times
from coner.report.compare import Comparison, choose_split, compare_runs, grids
from coner.report.grid import DASH
from coner.report.run_paths import read_runs
from helpers.records import NOTHING, PERFECT, POOR, SENTENCES, edited, fake_record


@pytest.fixture
def records(tmp_path: Path) -> dict[str, Record]:
    quick, slow = {"train_seconds": 30.0}, {"train_seconds": 9000.0}
    return {
        "poor": fake_record(POOR, folder=tmp_path, facts=quick),
        "perfect": fake_record(PERFECT, folder=tmp_path, facts=slow),
        "nothing": fake_record(NOTHING, folder=tmp_path, facts=slow),
    }


def to_markdown(comparison: Comparison) -> str:
    return "\n\n".join(grid.markdown() for grid in grids(comparison))


def cells(markdown: str) -> list[list[list[str]]]:
    """Tables to rows to cells; an escaped pipe does not separate cells."""
    tables = markdown.split("\n\n")
    return [[re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()] for table in tables]


def test_best_of_each_column_is_bold(records: dict[str, Record]) -> None:
    comparison = compare_runs(records)
    assert comparison.best["macro_f1"] == comparison.best["micro_f1"] == ("perfect",)
    assert comparison.best["train_seconds"] == ("poor",)  # less time is better
    heading, _, *rows = cells(to_markdown(comparison))[0]
    macro, training = (next(i for i, title in enumerate(heading) if word in title) for word in ("macro F1", "training"))
    assert [row[macro].strip().startswith("**") for row in rows] == [False, True, False]
    assert [row[training].strip() for row in rows] == ["**30 s**", "2.5 h", "2.5 h"]
    column = grids(comparison)[0].table().columns[macro]
    assert ["bold" in str(cell.style) for cell in column.cells] == [False, True, False]


def test_equal_best_values_are_all_bold(records: dict[str, Record]) -> None:
    comparison = compare_runs({"one": records["perfect"], "two": records["perfect"]})
    assert comparison.best["macro_f1"] == ("one", "two")


def test_a_single_run_has_nothing_bold(records: dict[str, Record]) -> None:
    comparison = compare_runs({"poor": records["poor"]})
    assert "**" not in to_markdown(comparison)
    assert len(grids(comparison)) == 1


def test_different_data_gives_a_warning_and_nothing_is_best(records: dict[str, Record], tmp_path: Path) -> None:
    records["other"] = fake_record(PERFECT, folder=tmp_path, sha256="e" * 64)
    comparison = compare_runs(records)
    (warning,) = comparison.warnings
    assert warning.startswith("other was scored on other data than poor: dev.conll (12 sentences, sha256 eeeeeeeeeeee)")
    assert not comparison.best
    assert "**" not in to_markdown(comparison).split("\n\n")[0]
    paired = {row.run: row.differences is not None for row in comparison.rows}
    assert paired == {"poor": False, "perfect": True, "nothing": True, "other": False}


def test_another_scorer_gives_a_warning_and_nothing_is_best(records: dict[str, Record]) -> None:
    records["perfect"] = edited(records["perfect"], "scores.dev.scorer", "coner 0")
    comparison = compare_runs(records)
    assert comparison.warnings == ("perfect was scored by coner 0, poor by coner 1",)
    assert not comparison.best
    assert [row.differences is None for row in comparison.rows] == [True, True, False]


def test_different_gold_of_the_same_file_gives_a_warning(records: dict[str, Record], tmp_path: Path) -> None:
    first = Sentence(SENTENCES[0].words, (Entity(0, 2, "City"),))
    records["other"] = fake_record(PERFECT, folder=tmp_path, sentences=(first, *SENTENCES[1:]))
    comparison = compare_runs(records)
    assert comparison.warnings == ("other was scored on other gold mentions than poor, from the same dev file",)
    assert not comparison.best
    assert comparison.rows[-1].differences is None


def test_p_is_corrected_for_the_number_of_runs(records: dict[str, Record]) -> None:
    rows = [row for row in compare_runs(records, baseline="perfect").rows if row.differences is not None]
    for metric in BOOTSTRAPPED:
        differences = [row.differences[metric] for row in rows if row.differences is not None]
        assert [each.corrected_p for each in differences] == holm([each.p for each in differences])
        assert max(each.corrected_p or 0 for each in differences) > min(each.p for each in differences)


@pytest.mark.parametrize("baseline", ["poor", "perfect"])
def test_differences_are_paired_with_the_baseline(records: dict[str, Record], baseline: str) -> None:
    comparison = compare_runs(records, baseline=baseline)
    assert [row.run for row in comparison.rows] == list(records)
    for row in comparison.rows:
        if row.run == baseline:
            assert row.differences is None
            continue
        counts = [[records[run].sentences["dev"]] for run in (baseline, row.run)]
        assert row.differences is not None
        for name, metric in BOOTSTRAPPED.items():
            assert replace(row.differences[name], corrected_p=None) == difference(*counts, metric)
        drop = row.macro_f1 - records[baseline].scores["dev"].fine.macro_f1
        assert row.differences["macro_f1"].value == pytest.approx(drop, abs=1e-12)
        assert drop != 0
    heading, _, *rows = cells(to_markdown(comparison))[1]
    assert heading[0].strip() == f"minus {baseline}"
    assert [row[0].strip() for row in rows] == [run for run in records if run != baseline]
    assert all(("-" if baseline == "perfect" or row[0].strip() == "nothing" else "+") in row[1] for row in rows)


def test_markdown_escapes_pipes(records: dict[str, Record]) -> None:
    named = {"a|b": records["poor"], "c": records["perfect"]}
    text = to_markdown(compare_runs(named))
    assert "a\\|b" in text
    assert "minus a\\|b" in text
    for table in cells(text):
        assert len({len(row) for row in table}) == 1


def test_json_has_everything(records: dict[str, Record]) -> None:
    comparison = compare_runs(records)
    values = json.loads(json.dumps(comparison.as_dict()))
    assert (values["split"], values["baseline"], values["warnings"]) == ("dev", "poor", [])
    assert values["part"] == "dev"  # the former name
    assert values["best"]["macro_f1"] == ["perfect"]
    row, scores = values["rows"][1], records["perfect"].scores["dev"]
    assert row.keys() >= {"run", "name", "kind", "noisy_macro_f1", "words_per_second", "parameters", "bytes", "asked"}
    assert row["macro_interval"] == list(scores.intervals.of("macro_f1") or ())
    assert (row["micro_f1"], row["coarse_macro_f1"], row["span_f1"], row["macro_classes"]) == (1, 1, 1, 2)
    assert (row["unseen_recall"], row["train_seconds"], row["sentences_per_second"]) == (1, 9000, 6)
    differences = comparison.rows[1].differences
    assert differences is not None
    assert row["differences"] == {
        name: {**asdict(each), "significant": each.significant, "real": each.significant}
        for name, each in differences.items()
    }
    assert values["rows"][2]["unseen_recall"] == 0


def test_unknown_baseline_is_refused(records: dict[str, Record]) -> None:
    with pytest.raises(DataError, match=r"^--baseline: got 'best'; expected one of the runs: poor, .*[^\n]$"):
        compare_runs(records, baseline="best")


def test_a_split_without_scores_is_refused(records: dict[str, Record]) -> None:
    with pytest.raises(DataError, match=r"^run 'poor' has no scores on test"):
        compare_runs(records, split="test")


def test_test_is_compared_where_every_run_has_it(records: dict[str, Record], tmp_path: Path) -> None:
    both = fake_record(PERFECT, folder=tmp_path, splits=("dev", "test"))
    assert choose_split({"a": both, "b": both}) == compare_runs({"a": both, "b": both}).split == "test"
    assert choose_split({"a": both, **records}) == compare_runs({"a": both, **records}).split == "dev"


def test_unknown_values_are_a_dash(records: dict[str, Record], tmp_path: Path) -> None:
    bare = edited(fake_record(POOR, folder=tmp_path, facts={}, seen=False), "time", Times())
    bare = edited(bare, "scores.dev.intervals", Intervals(level=0.95, resamples=1000))
    comparison = compare_runs({"bare": bare, "perfect": records["perfect"]})
    heading, _, row, _ = cells(to_markdown(comparison))[0]
    shown = dict(zip((title.strip() for title in heading), (cell.strip() for cell in row), strict=True))
    assert {shown[title] for title in ("unseen recall", "training", "sentences/s", "size")} == {DASH}
    assert "[" not in shown["macro F1 (95 %)"]
    assert comparison.best["train_seconds"] == ("perfect",)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        ("train_seconds", {0.4: "0 s", 119: "119 s", 120: "2 min", 7199: "120 min", 7200: "2.0 h"}),
        ("bytes", {1_500_000: "1.5 MB", 90_400_000: "90 MB", 1_234_000_000: "1,234 MB"}),
    ],
)
def test_times_and_sizes_have_units(records: dict[str, Record], column: str, texts: dict[float, str]) -> None:
    comparison = compare_runs(records)
    for value, text in texts.items():
        row = replace(comparison.rows[0], values={**comparison.rows[0].values, column: value})
        assert f" {text} " in to_markdown(replace(comparison, rows=(row,), best={}))


def test_an_oracle_is_named(records: dict[str, Record], tmp_path: Path) -> None:
    facts = {"knowledge": {"hash": "a" * 64, "oracle": {"dev": 3}}}
    oracle = fake_record(PERFECT, folder=tmp_path, facts=facts)
    comparison = compare_runs({**records, "oracle": oracle})
    assert comparison.oracles == ("the knowledge base of oracle knew gold mentions of dev",)
    assert not comparison.warnings
    assert "Oracle: the knowledge base of oracle knew" in comparison._repr_html_()
    assert compare_runs(records).oracles == ()


@pytest.mark.parametrize("knowledge", [None, "x", {"oracle": None}, {}])
def test_a_record_without_an_oracle_has_none(knowledge: object, tmp_path: Path) -> None:
    assert fake_record(PERFECT, folder=tmp_path, facts={"knowledge": knowledge}).oracle == ()


@pytest.mark.skipif(os.name != "posix", reason="names of files are text")
def test_a_run_whose_name_is_not_utf_8_is_named_by_escapes(tmp_path: Path) -> None:
    folder = Path(
        shutil.copytree(Path(__file__).parents[1] / "fixtures/format-1/crf", tmp_path / os.fsdecode(b"a\xff"))
    )
    records, places, left_out = read_runs([folder])
    assert (list(records), places, left_out) == ([r"a\udcff"], {r"a\udcff": folder}, [])
    assert model_name(folder) == r"a\udcff"
    assert plain({"base": folder}) == {"base": r"a\udcff"}
