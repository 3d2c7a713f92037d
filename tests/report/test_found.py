"""What runs found in shared sentences, and why some of it is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coner.core.errors import DataError
from coner.records.record import read_record
from coner.records.tagged import tagged_path, write_tagged
from coner.report.found import Found, read_found, run_folder
from coner.report.groups import find_groups
from helpers.runs_of_many import GROUPS, guesses, make_run, sentences

GOLD = sentences(30)


def found_in(folders: dict[str, Path | None], records: Path, baseline: str) -> Found:
    return read_found({run: read_record(records / run) for run in folders}, folders, part="dev", baseline=baseline)


def test_sentences_are_kept_once_and_findings_by_run(tmp_path: Path) -> None:
    folders: dict[str, Path | None] = {}
    for seed, run in enumerate(("one", "two")):
        folders[run] = make_run(tmp_path / run, GOLD, quality=0.5, seed=seed)
    found = found_in(folders, tmp_path, "two")
    assert found.words == tuple(sentence.words for sentence in GOLD)
    assert found.gold == tuple(sentence.entities for sentence in GOLD)
    assert list(found.predicted) == ["one", "two"]
    for seed, run in enumerate(("one", "two")):
        expected = guesses(GOLD, quality=0.5, seed=seed)
        assert list(found.predicted[run]) == expected
        assert [e.score for s in found.predicted[run] for e in s] == [e.score for s in expected for e in s]
    assert found.absent == {}


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    other = sentences(30, seed=7)
    folders: dict[str, Path | None] = {
        run: make_run(tmp_path / run, gold, quality=0.5, seed=seed)
        for seed, (run, gold) in enumerate({"base": GOLD, "other": other, "bare": GOLD, "swapped": GOLD}.items())
    }
    folders["bare"] = None
    write_tagged(tagged_path(tmp_path / "swapped", "dev"), GOLD, guesses(GOLD, quality=0.9, seed=9))
    make_run(tmp_path / "empty", GOLD, quality=0.5)
    tagged_path(tmp_path / "empty", "dev").unlink()
    folders["empty"] = tmp_path / "empty"
    found = found_in(folders, tmp_path, "base")
    assert list(found.predicted) == ["base"]
    assert found.absent == {
        "other": "its sentences are not those of base",
        "bare": "a record without its folder",
        "swapped": "its tagged.dev.jsonl is of another run than its record",
        "empty": "no tagged.dev.jsonl in its folder",
    }
    assert list(found_in(folders, tmp_path, "other").predicted) == ["other"]


def test_damage_is_one_line(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", GOLD, quality=0.5)
    with tagged_path(folder, "dev").open("a", encoding="utf-8") as handle:
        handle.write("{\n")
    with pytest.raises(DataError, match=r"tagged.dev.jsonl:31: "):
        found_in({"run": folder}, tmp_path, "run")


def test_a_record_within_its_folder_has_that_folder(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", GOLD, quality=0.5)
    assert run_folder(folder) == run_folder(folder / "record.json") == folder
    assert run_folder(tmp_path / "results" / "crf.json") is None


def test_groups_are_those_that_give_the_records_numbers(tmp_path: Path) -> None:
    gold = sentences(400)
    record = read_record(make_run(tmp_path / "run", gold, quality=0.6))
    labels = set(record.scores["dev"]["fine"]["classes"])
    assert find_groups({"run": record}, {"run": None}, "dev") == {k: v for k, v in GROUPS.items() if k in labels}
    coarse = {
        label: {**result, "support": result["support"] + 1}
        for label, result in record.scores["dev"]["coarse"]["classes"].items()
    }
    strange = {**record.scores["dev"], "coarse": {**record.scores["dev"]["coarse"], "classes": coarse}}
    assert find_groups({"run": record.model_copy(update={"scores": {"dev": strange}})}, {"run": None}, "dev") == {}


def test_groups_of_the_model_beside_the_record_come_first(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", sentences(400), quality=0.6)
    turned: dict[str, dict[str, str]] = {}
    for fine, coarse in reversed(GROUPS.items()):
        turned.setdefault(coarse, {})[fine] = ""
    card = {"taxonomy": {"name": "own", "groups": turned}}
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    found = find_groups({"run": read_record(folder)}, {"run": folder}, "dev")
    assert list(found) == [fine for classes in turned.values() for fine in classes]
    (folder / "model.json").write_text("[]", encoding="utf-8")
    assert list(find_groups({"run": read_record(folder)}, {"run": folder}, "dev")) == list(GROUPS)
