"""``coner shrink``: a smaller model like any other, or an error in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from coner.data import ConllLayout, read, write_conll
from coner.data.taxonomy import Taxonomy
from coner.families import load
from coner.families.manifest import read_manifest
from coner.records.record import read_record
from helpers.shell import Completed, World, head, refusal
from helpers.tiny_training import untrained

Coner = Callable[..., Completed]


@pytest.fixture
def asked(settings_for: Callable[..., Any], world: World, tmp_path: Path) -> list[Any]:
    """A command that shrinks a random teacher with three layers and all labels of the files."""
    labels = dict.fromkeys(sorted({*read(world.train).labels, *read(world.dev).labels}), "")
    torch.manual_seed(3)
    untrained(settings_for(), Taxonomy("flat", {"All": labels})).save(tmp_path / "teacher")
    (tmp_path / "dev.conll").write_text(head(world.dev, 12), encoding="utf-8")
    with (tmp_path / "more.conll").open("w", encoding="utf-8") as handle:  # labels that the teacher does not know
        more = [*read(world.train)[40:46], *read(tmp_path / "dev.conll")[:2]]
        write_conll(more, handle, ConllLayout, "iob2")
    text = (tmp_path / "more.conll").read_text(encoding="utf-8").replace("B-", "B-Un").replace("I-", "I-Un")
    (tmp_path / "more.conll").write_text(text, encoding="utf-8")
    files = ["--train", world.train, "--dev", tmp_path / "dev.conll", "--text", tmp_path / "more.conll"]
    return ["shrink", tmp_path / "teacher", *files, "--set", "train.epochs=1", "--out", tmp_path / "out"]


def test_a_student_is_a_model_with_a_record_of_its_teacher(coner: Coner, asked: list[Any], tmp_path: Path) -> None:
    done = coner(*asked)
    assert done.code == 0, done.err
    rows = [line.split()[:3] for line in done.out.splitlines() if line.lstrip().startswith(("teacher", "student"))]
    assert rows == [["teacher:", "3", "layers"], ["student:", "1", "layer"]]
    assert "F1 on dev.conll, 12 sentences" in done.out
    assert "student of teacher, with the lowest 1 of its 3 layers" in done.err
    assert "more.conll 6 sentences of weight 1, 2 left out (in dev or test too)" in done.err

    record = read_record(tmp_path / "out")
    teacher = read_manifest(tmp_path / "teacher").files["weights.safetensors"].sha256
    assert record.training["teacher"] == {"model": "teacher", "sha256": teacher, "layers": 3, "matched": [2]}
    assert record.kind == "encoder"
    assert record.data["train"].extra[0].left_out == 2
    assert (record.history[0].model_extra or {}).keys() >= {"emissions_loss", "states_loss", "gold_loss"}
    student: Any = load(tmp_path / "out")
    assert student.encoder.config.num_hidden_layers == 1

    done = coner(*asked, "--json")
    assert "already finished" in done.err
    output = json.loads(done.out)
    assert output["after"]["micro_f1"] == record.scores["dev"].fine.micro_f1
    assert output["after"]["bytes"] < output["before"]["bytes"]
    assert f"trained on the output of teacher (sha256 of its weights: {teacher})" in coner("card", tmp_path / "out").out
    assert coner("tag", tmp_path / "out", tmp_path / "dev.conll", "-o", tmp_path / "tagged.conll").code == 0


def test_what_cannot_be_shrunk_is_refused_in_one_line(
    coner: Coner, asked: list[Any], world: World, tmp_path: Path
) -> None:
    command, teacher, *rest = asked

    def refused(*changes: object, model: Path = teacher) -> str:
        message = refusal(coner(command, model, *rest, *changes))
        assert not (tmp_path / "out").exists()
        return message

    assert "got a model of kind crf; expected a trained encoder" in refused(model=world.model)
    assert "does not exist" in refused(model=tmp_path / "nowhere")
    assert "--layers: got 3; expected 1 to 2, as the teacher has 3" in refused("--layers", 3)
    assert "--set 'head.scheme=bioes': expected one of train" in refused("--set", "head.scheme=bioes")
    assert "train.epoch: no such setting" in refused("--set", "train.epoch=2")
    assert "more.conll:" in refused("--train", tmp_path / "more.conll")
    assert "which will be written" in refusal(coner(command, teacher, *rest, "--out", teacher))
    (tmp_path / "empty.txt").write_text("\n")
    assert "empty.txt" in refused("--text", tmp_path / "empty.txt")
    without_dev = [part for part in rest if part != "--dev" and part != tmp_path / "dev.conll"]
    assert "--dev" in refusal(coner(command, teacher, *without_dev))


def test_another_students_folder_is_left_alone(coner: Coner, asked: list[Any]) -> None:
    assert coner(*asked).code == 0
    message = refusal(coner(*asked, "--layers", 2))
    assert "contains a finished run with other settings or data. Fix: choose another --out, or --overwrite" in message
    assert coner(*asked, "--layers", 2, "--overwrite").code == 0
