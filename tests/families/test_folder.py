"""Model folders: whole or not at all, and every damage is one clear line before anything is opened."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConerError, MissingExtra, ModelError, OutputError
from coner.families import load
from coner.families.manifest import CARD, FORMAT, read_model, remove_model, write_model


def write(folder: Path, content: str = "weights") -> None:
    def files(aside: Path) -> None:
        (aside / "weights.bin").write_text(content)
        (aside / "encoder").mkdir()
        (aside / "encoder" / "config.json").write_text("{}")

    write_model(folder, {"kind": "fake", "labels": ["X"]}, files)


def change(folder: Path, **values: Any) -> None:
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, **values}))


def problem(folder: Path) -> str:
    with pytest.raises(ModelError) as error:
        load(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    return str(error.value)


def test_card_says_what_was_given_and_what_lies_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "new" / "model")
    card = read_model(tmp_path / "new" / "model")
    assert (card["kind"], card["labels"], card["format"]) == ("fake", ["X"], FORMAT)
    assert card["files"]["weights.bin"]["bytes"] == 7
    assert set(card["files"]) == {"weights.bin", "encoder/config.json"}


def test_nothing_else_is_left_and_nothing_else_is_touched(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("mine")
    write(tmp_path)
    write(tmp_path, "others")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"record.json", "weights.bin", "encoder", CARD}
    assert (tmp_path / "record.json").read_text() == "mine"
    assert (tmp_path / "weights.bin").read_text() == "others"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failed_write_keeps_the_model_that_was_there(tmp_path: Path, failure: BaseException) -> None:
    write(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def fail(aside: Path) -> None:
        (aside / "weights.bin").write_text("half")
        raise failure

    with pytest.raises(OutputError if isinstance(failure, OSError) else KeyboardInterrupt) as error:
        write_model(tmp_path, {"kind": "fake", "labels": ["X"]}, fail)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    if isinstance(failure, OSError):
        assert "No space left" in str(error.value)


def test_folder_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "model")


def test_no_folder(tmp_path: Path) -> None:
    assert "does not exist" in problem(tmp_path / "none")


def test_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("")
    assert "is a file" in problem(tmp_path / "model")


def test_empty_folder(tmp_path: Path) -> None:
    assert f"no {CARD}" in problem(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"kind": "crf", "format": "1"}', '{"kind": "crf", "format": 1}']
)
def test_card_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD).write_text(text)
    assert CARD in problem(tmp_path)


def test_binary_card(tmp_path: Path) -> None:
    (tmp_path / CARD).write_bytes(b"\xff\xfe\x00")
    assert "not valid JSON" in problem(tmp_path)


def test_missing_file(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "encoder" / "config.json").unlink()
    assert "encoder/config.json: missing" in problem(tmp_path)


def test_file_cut_short(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "weights.bin").write_text("weig")
    assert "weights.bin: 4 bytes, expected 7" in problem(tmp_path)


def test_file_of_the_same_size_with_other_content(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "weights.bin").write_text("Weights")
    assert "sha256" in problem(tmp_path)


def test_newer_format(tmp_path: Path) -> None:
    write(tmp_path)
    change(tmp_path, format=FORMAT + 1)
    assert f"format {FORMAT + 1}, this version of coner reads up to {FORMAT}; update coner" in problem(tmp_path)


def test_unknown_kind(tmp_path: Path) -> None:
    write(tmp_path)
    assert "kind 'fake' is not known; expected one of: crf, encoder" in problem(tmp_path)


@pytest.mark.parametrize("labels", [None, [], "X", [1]])
def test_labels_that_are_none(tmp_path: Path, labels: object) -> None:
    write(tmp_path)
    change(tmp_path, labels=labels)
    assert "labels" in problem(tmp_path)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "encoder/../../secret"])
def test_files_outside_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    change(tmp_path, files={name: {"bytes": 1, "sha256": "0"}})
    assert "lies outside the folder" in problem(tmp_path)


def test_crf_whose_files_are_not_a_crf(tmp_path: Path) -> None:
    write_model(tmp_path, {"kind": "crf", "labels": ["X"]}, lambda _: None)
    assert "do not fit model.json" in problem(tmp_path)


def test_every_problem_is_an_error_with_exit_code_two(tmp_path: Path) -> None:
    with pytest.raises(ConerError) as error:
        load(tmp_path)
    assert error.value.exit_code == 2


def test_removing_a_model_leaves_what_it_does_not_name_and_what_lies_outside(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    write(folder)
    named = [folder / name for name in json.loads((folder / CARD).read_text())["files"]]
    assert all(path.exists() for path in named)
    for path in (folder / "mine.txt", tmp_path / "secret"):
        path.write_text("dear")
    change(folder, files={**json.loads((folder / CARD).read_text())["files"], "../secret": {}})
    remove_model(folder)
    assert not any(path.exists() for path in (*named, folder / CARD))
    assert (folder / "mine.txt").exists()
    assert (tmp_path / "secret").exists()


def test_a_model_whose_packages_are_missing_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path, {"kind": "encoder", "labels": ["X"]}, lambda _: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "coner.families.encoder.build", raising=False)
    with pytest.raises(MissingExtra, match=r"a model of kind encoder needs .* pip install 'coner\[encoder\]'"):
        load(tmp_path)
