"""Model folders of strangers: damaged or hostile, they are one line and exit code 2, or a tagger that works."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from coner.core.errors import ConerError, ModelError
from coner.core.types import Sentence
from coner.families import load
from coner.families.onnx.check import check_graph
from coner.families.registry import families
from fuzz_models import FIXTURES, KINDS, run_case, seal
from helpers.shell import Completed

Coner = Callable[..., Completed]
NAMES = ("ids", "mask")


@pytest.mark.parametrize("seed", range(3))
def test_mutated_folders_are_refused_in_one_line_or_tag(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    outcomes = [run_case(tmp_path, rng) for _ in range(12)]
    assert {outcome for _, outcome in outcomes} <= {"tagged", "refused"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_names_no_files_is_refused(kind: str, tmp_path: Path) -> None:
    assert "it names no" in refusal(copy(kind, tmp_path, files={}))


def copy(kind: str, tmp_path: Path, **values: Any) -> Path:
    folder = Path(shutil.copytree(FIXTURES / kind, tmp_path / kind, copy_function=shutil.copyfile))
    manifest = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(manifest | values))
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(ConerError) as error:
        load(folder).tag([Sentence(("prince", "sang"))])
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2
    return str(error.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30])
@pytest.mark.parametrize(("kind", "file", "name"), [
    ("crf", "weights.npz", "values"),
    ("crf", "weights.npz", "transitions"),
    ("onnx", "chain.npz", "transitions"),
    ("onnx", "chain.npz", "first"),
])  # fmt: skip
def test_scores_that_are_not_finite_are_refused(kind: str, file: str, name: str, value: float, tmp_path: Path) -> None:
    folder = copy(kind, tmp_path)
    with np.load(folder / file) as arrays:
        changed = dict(arrays)
    changed[name].flat[0] = value  # of the transition from O to O, or of a first O
    np.savez(folder / file, **changed)
    seal(folder)
    assert file in refusal(folder)


@pytest.mark.parametrize("value", [-0.1, 0, 1.5, 1e999, "x", [0.5]])
def test_a_threshold_out_of_range_is_refused(value: Any, tmp_path: Path) -> None:
    folder = copy("crf", tmp_path)
    text = (folder / "model.json").read_text()
    before = json.loads(text)["threshold"]
    changed = text.replace(f'"threshold": {json.dumps(before)}', f'"threshold": {json.dumps(value)}')
    assert changed != text
    (folder / "model.json").write_text(changed)
    assert "model.json" in refusal(folder)


@pytest.mark.parametrize("kind", ["crf", "encoder"])
@pytest.mark.parametrize("taxonomy", [{}, {"name": "x", "groups": {}}, {"name": "x", "groups": {"A": {}}}, []])
def test_an_empty_taxonomy_is_refused(kind: str, taxonomy: Any, tmp_path: Path) -> None:
    assert "taxonomy" in refusal(copy(kind, tmp_path, taxonomy=taxonomy))


@pytest.mark.parametrize("depth", [100, 100_000])
@pytest.mark.parametrize("file", ["model.json", "features.json", "lexicon.json"])
def test_deep_nesting_is_refused(file: str, depth: int, tmp_path: Path, coner: Coner) -> None:
    folder = copy("crf", tmp_path)
    (folder / file).write_text('{"a":' * depth + "1" + "}" * depth)
    seal(folder)
    (tmp_path / "in.txt").write_text("prince sang\n")
    done = coner("tag", folder, tmp_path / "in.txt")
    assert (done.code, done.err.count("\n")) == (2, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize(("kind", "file"), [("crf", "model.json"), ("crf", "weights.npz"), ("onnx", "model.onnx.data")])
def test_a_pipe_as_a_file_is_refused_without_waiting(kind: str, file: str, tmp_path: Path) -> None:
    folder = copy(kind, tmp_path)
    (folder / file).unlink()
    os.mkfifo(folder / file)
    assert "not a regular file" in refusal(folder)


def test_a_piece_beyond_the_vocabulary_is_refused(tmp_path: Path) -> None:
    folder = copy("encoder", tmp_path)
    path = folder / "encoder/tokenizer.json"
    values = json.loads(path.read_text())
    word = next(word for word in values["model"]["vocab"] if word.isalpha())
    values["model"]["vocab"][word] = 10**6
    path.write_text(json.dumps(values))
    seal(folder)
    with pytest.raises(ModelError, match="the tokenizer has the id 1000000, and the encoder"):
        load(folder).tag([Sentence((word,))])


@pytest.mark.parametrize(("kind", "file"), [("encoder", "encoder/tokenizer.json"), ("onnx", "tokenizer.json")])
def test_a_vocabulary_without_an_unknown_piece_is_one_line(kind: str, file: str, tmp_path: Path) -> None:
    folder = copy(kind, tmp_path)
    values = json.loads((folder / file).read_text())
    assert values["model"]["vocab"].pop("[UNK]") is not None
    values["added_tokens"] = [token for token in values["added_tokens"] if token["content"] != "[UNK]"]
    (folder / file).write_text(json.dumps(values))
    seal(folder)
    with pytest.raises(ModelError, match="tokenizer"):
        load(folder).tag([Sentence(("☃",))])


PANICS: list[dict[str, Any]] = [
    {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////w=="}},
    {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAP////9hAAAAAAAA"}},
    {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
]


@pytest.mark.parametrize("values", PANICS)
def test_a_tokenizer_at_which_its_library_panics_is_one_line(
    values: dict[str, Any], tmp_path: Path, coner: Coner
) -> None:
    folder = copy("onnx", tmp_path)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    seal(folder)
    (tmp_path / "in.txt").write_text("prince sang\n")
    done = coner("tag", folder, tmp_path / "in.txt")
    assert (done.code, done.err.count("\n"), "Panic" in done.err) == (2, 1, False)


def graph(tmp_path: Path, nodes: list[Any], *, inputs: tuple[str, ...] = NAMES, initializers: list[Any] = []) -> Path:  # noqa: B006
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["R"]) for name in inputs],
        [helper.make_tensor_value_info("emissions", TensorProto.FLOAT, ["N", 3])],
        initializers,
    )
    onnx.save_model(helper.make_model(made), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def refused(path: Path, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_graph(path, "model.onnx.data")


CAST = helper.make_node("Cast", ["ids"], ["emissions"], to=TensorProto.FLOAT)


def test_the_graph_of_an_export_is_accepted(tmp_path: Path) -> None:
    check_graph(FIXTURES / "onnx/model.onnx", "model.onnx.data")
    check_graph(graph(tmp_path, [CAST]), "model.onnx.data")


def test_a_graph_with_a_loop_or_another_input_is_refused(tmp_path: Path) -> None:
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"])], "b", [], [])
    loop = helper.make_node("Loop", ["ids", "", "mask"], ["emissions"], body=body)
    refused(graph(tmp_path, [loop]), "graph in an operator")
    random_values = helper.make_node("RandomNormal", [], ["emissions"], shape=[9])
    refused(graph(tmp_path, [random_values]), "operator 'RandomNormal'")
    refused(graph(tmp_path, [CAST], inputs=("ids", "secret")), "input 'secret'")


def test_a_graph_that_reads_another_file_or_makes_a_giant_is_refused(tmp_path: Path) -> None:
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="../../etc/passwd")
    refused(graph(tmp_path, [CAST], initializers=[outside]), "etc/passwd")
    size = helper.make_tensor("size", TensorProto.INT64, [2], [1 << 20, 1 << 20])
    node = helper.make_node("ConstantOfShape", ["size"], ["emissions"])
    refused(graph(tmp_path, [node], initializers=[size]), "ConstantOfShape: got a result")


def test_the_fuzzer_has_a_folder_of_every_family() -> None:
    assert set(KINDS) == {path.name for path in FIXTURES.iterdir() if path.is_dir()} == set(families.names())
