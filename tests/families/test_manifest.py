"""Model folders: written completely or not at all; damage is reported in one line before any file is opened."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import coner
from coner.core.errors import ConerError, ConfigError, MissingExtra, ModelError, OutputError
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families import load
from coner.families.manifest import FORMAT, MANIFEST, Manifest, read_manifest, remove_model, write_model


def manifest(kind: str = "fake", **fields: Any) -> Manifest:
    return Manifest(kind=kind, labels=("X",), taxonomy=Taxonomy("tiny", {"Group": {"X": ""}}), **fields)


def write(folder: Path, content: str = "weights") -> None:
    def files(temporary: Path) -> None:
        (temporary / "weights.bin").write_text(content)
        (temporary / "encoder").mkdir()
        (temporary / "encoder" / "config.json").write_text("{}")

    write_model(folder, manifest(), files)


def change(folder: Path, **values: Any) -> None:
    before = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**before, **values}))


def problem(folder: Path) -> str:
    with pytest.raises(ModelError) as error:
        load(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    return str(error.value)


def test_the_manifest_holds_what_was_passed_and_the_files_of_the_model(tmp_path: Path) -> None:
    write(tmp_path / "new" / "model")
    found = read_manifest(tmp_path / "new" / "model")
    assert (found.kind, found.labels, found.format) == ("fake", ("X",), FORMAT)
    assert found.taxonomy == manifest().taxonomy
    assert found.files["weights.bin"].bytes == 7
    assert set(found.files) == {"weights.bin", "encoder/config.json"}


def test_a_manifest_keeps_the_fields_of_its_family(tmp_path: Path) -> None:
    write(tmp_path)
    change(tmp_path, threshold=0.5)
    assert (read_manifest(tmp_path).model_extra or {})["threshold"] == 0.5


def test_a_model_is_written_without_touching_other_files(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("a record")
    write(tmp_path)
    write(tmp_path, "retrained")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"record.json", "weights.bin", "encoder", MANIFEST}
    assert (tmp_path / "record.json").read_text() == "a record"
    assert (tmp_path / "weights.bin").read_text() == "retrained"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_keeps_the_earlier_model(tmp_path: Path, failure: BaseException) -> None:
    write(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def fail(temporary: Path) -> None:
        (temporary / "weights.bin").write_text("half")
        raise failure

    with pytest.raises(OutputError if isinstance(failure, OSError) else KeyboardInterrupt) as error:
        write_model(tmp_path, manifest(), fail)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    if isinstance(failure, OSError):
        assert "no space left" in str(error.value)


def test_a_file_in_place_of_the_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "model")


def test_a_missing_folder(tmp_path: Path) -> None:
    assert "does not exist" in problem(tmp_path / "none")


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("")
    assert "is a file" in problem(tmp_path / "model")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert f"got no {MANIFEST}" in problem(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"kind": "crf", "format": "1"}', '{"kind": "crf", "format": 1}']
)
def test_a_json_file_that_is_not_a_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    assert MANIFEST in problem(tmp_path)


def test_a_binary_manifest(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(b"\xff\xfe\x00")
    assert "not a valid JSON object" in problem(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "encoder" / "config.json").unlink()
    assert "encoder/config.json: missing" in problem(tmp_path)


def test_a_file_cut_short(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "weights.bin").write_text("weig")
    assert "weights.bin: damaged or truncated: got 4 bytes; expected 7" in problem(tmp_path)


def test_a_file_of_the_same_size_with_other_content(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "weights.bin").write_text("Weights")
    assert "sha256" in problem(tmp_path)


def test_a_newer_format(tmp_path: Path) -> None:
    write(tmp_path)
    change(tmp_path, format=FORMAT + 1)
    assert f"format: got {FORMAT + 1}; expected at most {FORMAT}" in problem(tmp_path)


def test_an_unknown_kind(tmp_path: Path) -> None:
    write(tmp_path)
    assert "got 'fake'; expected one of: crf, encoder, hybrid, llm, onnx" in problem(tmp_path)


def test_an_unknown_kind_is_not_repeated_at_any_length(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "model.json"
    path.write_text(path.read_text().replace('"fake"', f'"{"x" * 100_000}"', 1))
    assert len(problem(tmp_path)) < 1000


@pytest.mark.parametrize("labels", [None, [], "X", [1]])
def test_invalid_labels(tmp_path: Path, labels: object) -> None:
    write(tmp_path)
    change(tmp_path, labels=labels)
    assert "labels" in problem(tmp_path)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "encoder/../../secret"])
def test_files_outside_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    change(tmp_path, files={name: {"bytes": 1, "sha256": "0"}})
    assert "is outside the folder" in problem(tmp_path)


def test_a_crf_without_its_files(tmp_path: Path) -> None:
    settings = {"kind": "crf"}
    write_model(tmp_path, manifest("crf", settings=settings, threshold=0.5), lambda _: None)
    assert "do not fit model.json" in problem(tmp_path)


def test_every_fault_has_exit_code_two(tmp_path: Path) -> None:
    with pytest.raises(ConerError) as error:
        load(tmp_path)
    assert error.value.exit_code == 2


def test_removing_a_model_keeps_other_files_and_those_outside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    write(folder)
    named = [folder / name for name in json.loads((folder / MANIFEST).read_text())["files"]]
    assert all(path.exists() for path in named)
    for path in (folder / "mine.txt", tmp_path / "secret"):
        path.write_text("keep me")
    change(folder, files={**json.loads((folder / MANIFEST).read_text())["files"], "../secret": {}})
    remove_model(folder)
    assert not any(path.exists() for path in (*named, folder / MANIFEST))
    assert (folder / "mine.txt").exists()
    assert (tmp_path / "secret").exists()


def test_a_model_whose_packages_are_missing_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path, manifest("encoder", settings={"kind": "encoder"}), lambda _: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "coner.families.encoder.tagger", raising=False)
    with pytest.raises(MissingExtra, match=r"a model of kind encoder needs .* pip install 'coner\[encoder\]'"):
        load(tmp_path)


@pytest.mark.parametrize(("labels", "message"), [
    ([f"L{number}" for number in range(4001)], r"got 4,001 labels; expected at most 4,000"),
    (["A", "B\x1b[0m"], r"got label 'B\\x1b\[0m'; expected text"),
])  # fmt: skip
def test_labels_that_no_model_can_hold_are_refused_before_training(
    labels: list[str], message: str, tmp_path: Path
) -> None:
    train = [Sentence(("a", "b"), (Entity(0, 1, label),)) for label in labels]
    with pytest.raises(ConfigError, match=message):
        coner.train(train, train[:1], family="crf")
