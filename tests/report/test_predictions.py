"""Predictions of runs on the same sentences, and the reasons why some are absent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from coner.core.errors import DataError
from coner.records.record import read_record
from coner.records.tagged import tagged_path, write_tagged
from coner.report.predictions import Predictions, read_predictions
from coner.report.report import find_groups
from coner.report.run_paths import folder_of
from helpers.fake_runs import GROUPS, fake_predictions, make_run, sentences
from helpers.records import edited

GOLD = sentences(30)


def predictions_in(folders: dict[str, Path | None], root: Path, baseline: str) -> Predictions:
    records = {run: read_record(root / run) for run in folders}
    return read_predictions(records, folders, split="dev", baseline=baseline)


def test_sentences_are_kept_once_and_predictions_by_run(tmp_path: Path) -> None:
    folders: dict[str, Path | None] = {}
    for seed, run in enumerate(("one", "two")):
        folders[run] = make_run(tmp_path / run, GOLD, quality=0.5, seed=seed)
    result = predictions_in(folders, tmp_path, "two")
    assert result.words == tuple(sentence.words for sentence in GOLD)
    assert result.gold == tuple(sentence.entities for sentence in GOLD)
    assert list(result.predicted) == ["one", "two"]
    for seed, run in enumerate(("one", "two")):
        expected = fake_predictions(GOLD, quality=0.5, seed=seed)
        assert list(result.predicted[run]) == expected
        assert [e.score for s in result.predicted[run] for e in s] == [e.score for s in expected for e in s]
    assert result.absent == {}


def test_absent_predictions_have_a_reason(tmp_path: Path) -> None:
    other = sentences(30, seed=7)
    folders: dict[str, Path | None] = {
        run: make_run(tmp_path / run, gold, quality=0.5, seed=seed)
        for seed, (run, gold) in enumerate({"base": GOLD, "other": other, "bare": GOLD, "swapped": GOLD}.items())
    }
    folders["bare"] = None
    write_tagged(tagged_path(tmp_path / "swapped", "dev"), GOLD, fake_predictions(GOLD, quality=0.9, seed=9))
    make_run(tmp_path / "empty", GOLD, quality=0.5)
    tagged_path(tmp_path / "empty", "dev").unlink()
    folders["empty"] = tmp_path / "empty"
    result = predictions_in(folders, tmp_path, "base")
    assert list(result.predicted) == ["base"]
    assert result.absent == {
        "other": "its sentences are not those of base",
        "bare": "a record without its folder",
        "swapped": "its tagged.dev.jsonl is of another run than its record",
        "empty": "no tagged.dev.jsonl in its folder",
    }
    assert list(predictions_in(folders, tmp_path, "other").predicted) == ["other"]


def test_a_damaged_file_is_an_error_with_its_line(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", GOLD, quality=0.5)
    with tagged_path(folder, "dev").open("a", encoding="utf-8") as handle:
        handle.write("{\n")
    with pytest.raises(DataError, match=r"tagged.dev.jsonl:31: "):
        predictions_in({"run": folder}, tmp_path, "run")


def test_folder_of_a_run_named_by_its_record(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", GOLD, quality=0.5)
    assert folder_of(folder) == folder_of(folder / "record.json") == folder
    assert folder_of(tmp_path / "results" / "crf.json") is None


def test_groups_are_those_that_agree_with_the_record(tmp_path: Path) -> None:
    gold = sentences(400)
    record = read_record(make_run(tmp_path / "run", gold, quality=0.6))
    labels = set(record.scores["dev"].fine.classes)
    assert find_groups({"run": record}, {"run": None}, "dev") == {k: v for k, v in GROUPS.items() if k in labels}
    classes = record.scores["dev"].coarse.classes
    more = {label: replace(result, support=result.support + 1) for label, result in classes.items()}
    other = edited(record, "scores.dev.coarse.classes", more)
    assert find_groups({"run": other}, {"run": None}, "dev") == {}


def test_groups_of_the_model_beside_the_record_come_first(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", sentences(400), quality=0.6)
    reordered: dict[str, dict[str, str]] = {}
    for fine, coarse in reversed(GROUPS.items()):
        reordered.setdefault(coarse, {})[fine] = ""
    manifest = {"taxonomy": {"name": "own", "groups": reordered}}
    (folder / "model.json").write_text(json.dumps(manifest), encoding="utf-8")
    result = find_groups({"run": read_record(folder)}, {"run": folder}, "dev")
    assert list(result) == [fine for classes in reordered.values() for fine in classes]
    (folder / "model.json").write_text("[]", encoding="utf-8")
    assert list(find_groups({"run": read_record(folder)}, {"run": folder}, "dev")) == list(GROUPS)
