"""Means over several runs of one name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coner.core.errors import DataError
from coner.records.ablation import write_plan
from coner.records.record import read_record, write_record
from coner.report.ablation import Spread, by_name, read_ablation
from coner.report.compare import compare_runs
from coner.report.pools import pools
from helpers.fake_runs import make_run, sentences
from helpers.records import edited

GOLD = sentences(40)


def test_means_and_spread_by_name(tmp_path: Path) -> None:
    records = {
        f"{name}.{seed}": read_record(
            make_run(tmp_path / f"{name}.{seed}", GOLD, quality=quality, seed=seed, name=name)
        )
        for name, quality, seeds in (("plain", 0.3, (1, 2, 3)), ("full", 0.7, (1, 2)), ("once", 0.5, (1,)))
        for seed in seeds
    }
    plain, full, once = by_name(compare_runs(records), records)
    macro = {
        name: [r.scores["dev"].fine.macro_f1 for r in records.values() if r.name == name] for name in ("plain", "full")
    }
    assert (plain.name, plain.seeds, plain.against, plain.gain) == ("plain", (1, 2, 3), None, None)
    mean, deviation = np.mean(macro["plain"]), np.std(macro["plain"], ddof=1)
    assert plain.scores["macro_f1"] == Spread(pytest.approx(mean), pytest.approx(deviation))
    assert (full.against, full.difference) == ("plain", None)
    assert full.gain == pytest.approx(np.mean(macro["full"]) - np.mean(macro["plain"]))
    assert once.scores["macro_f1"] is not None
    assert (once.seeds, once.scores["macro_f1"].deviation) == ((1,), None)


def test_runs_of_different_names_have_no_means(tmp_path: Path) -> None:
    records = {name: read_record(make_run(tmp_path / name, GOLD, quality=0.5)) for name in ("one", "two")}
    assert by_name(compare_runs(records), records) == []


def test_no_gain_where_numbers_must_not_be_compared(tmp_path: Path) -> None:
    names = {"one.1": "one", "one.2": "one", "two.1": "two"}
    records = {run: read_record(make_run(tmp_path / run, GOLD, quality=0.5, name=name)) for run, name in names.items()}
    records["two.1"] = edited(records["two.1"], "data.dev.sha256", "e" * 64)
    assert [line.gain for line in by_name(compare_runs(records), records)] == [None, None]


def test_an_ablation_has_tested_differences(tmp_path: Path) -> None:
    for seed in (1, 2):
        for name, quality in (("plain", 0.3), ("full", 0.7)):
            make_run(tmp_path / f"{name}.{seed}", GOLD, quality=quality, seed=seed, name=name)
    plan = {"full": None, "plain": "full", "later": "full"}
    write_plan({name: {"about": name, "against": against} for name, against in plan.items()}, tmp_path)
    table = read_ablation(tmp_path)
    full, plain = table.rows
    assert (full.name, full.seeds, full.against, full.gain) == ("full", (1, 2), None, None)
    assert plain.difference == (table.rows[1].differences or {})["macro_f1"]
    assert plain.against == "full"
    assert plain.scores["macro_f1"] and full.scores["macro_f1"]
    assert plain.gain == pytest.approx(plain.scores["macro_f1"].mean - full.scores["macro_f1"].mean)
    assert table.rows[1].runs == ("plain.1", "plain.2")


def test_runs_that_differ_in_settings_are_never_pooled(tmp_path: Path) -> None:
    records = {
        f"one.{seed}": edited(
            read_record(make_run(tmp_path / f"one.{seed}", GOLD, quality=seed / 5, seed=seed, name="one")),
            "settings.epochs",
            2 if seed < 3 else 3,
        )
        for seed in (1, 2, 3)
    }
    assert pools(records) == {"one (epochs=2)": ["one.1", "one.2"], "one (epochs=3)": ["one.3"]}
    short, long = by_name(compare_runs(records), records)
    assert (short.seeds, long.seeds) == ((1, 2), (3,))
    assert short.scores["macro_f1"] is not None
    macro = [records[run].scores["dev"].fine.macro_f1 for run in ("one.1", "one.2")]
    assert short.scores["macro_f1"].mean == pytest.approx(np.mean(macro))
    assert long.against == "one (epochs=2)"
    records["one.2"] = edited(records["one.2"], "data.train.sha256", "e" * 64)
    assert list(pools(records).values()) == [["one.1"], ["one.2"], ["one.3"]]
    assert len(pools(records)) == 3
    assert by_name(compare_runs(records), records) == []


def test_an_ablation_has_one_setting_per_row(tmp_path: Path) -> None:
    for seed in (1, 2):
        folder = make_run(tmp_path / f"full.{seed}", GOLD, quality=0.5, seed=seed, name="full")
        write_record(edited(read_record(folder), "settings.epochs", seed), folder)
    write_plan({"full": {"about": "", "against": None}}, tmp_path)
    with pytest.raises(DataError, match=r"'full.1' and 'full.2' that differ in epochs; expected only seeds. Fix: "):
        read_ablation(tmp_path)
