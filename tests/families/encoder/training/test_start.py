"""Training that starts from a trained encoder: what fits is taken over, and all else is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from coner.cli.app import run
from coner.core.errors import ConerError, ConfigError, ModelError
from coner.core.progress import Log
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families import load
from coner.families.encoder.training.trainer import EncoderTrainer
from coner.families.manifest import CARD
from coner.families.settings import parse_experiment
from coner.records.record import read_record
from helpers import SAMPLE

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"River": "", "City": ""}})
OTHER = Taxonomy("other", {"Person": {"Writer": ""}, "Place": {"River": "", "City": ""}})  # as many, not the same
TEXTS = [
    ("the rhine flows through basel", [Entity(1, 2, "River"), Entity(4, 5, "City")]),
    ("rotterdam", [Entity(0, 1, "City")]),
    ("the symphony in the city", []),
] * 2
SENTENCES = [Sentence(tuple(text.split()), tuple(entities)) for text, entities in TEXTS]
STILL = {"encoder": {"rate": 0}, "head": {"rate": 0}}
FAST = {"encoder": {"rate": 3e-3}, "head": {"rate": 1e-2}}
Make = Callable[..., EncoderTrainer]


@pytest.fixture
def trainer_for(settings_for: Callable[..., Any], tmp_path: Path) -> Make:
    def make(folder: str, *, taxonomy: Taxonomy = TAXONOMY, **sections: Any) -> EncoderTrainer:
        head = {"context": "bilstm", "decoder": "crf", **sections.pop("head", {})}
        train = {"epochs": 1, "batch": 3, "groups": STILL, **sections.pop("train", {})}
        auxiliary = sections.pop("auxiliary", {"schedule": "residual"})
        settings = settings_for(head=head, train=train, auxiliary=auxiliary, **sections)
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        lines = Log(path / "log.txt")
        lines.__enter__()
        return EncoderTrainer(
            settings, train=SENTENCES, dev=SENTENCES, taxonomy=taxonomy, folder=path, belongs_to="x", log=lines
        )

    return make


@pytest.fixture
def trained(trainer_for: Make, tmp_path: Path) -> Path:
    """A run that has learned something."""
    trainer_for("first", train={"epochs": 12, "groups": FAST}).run()
    return tmp_path / "first"


def log_of(folder: Path) -> str:
    return (folder / "log.txt").read_text(encoding="utf-8")


def test_without_learning_the_tagger_is_the_one_that_it_started_from(
    trained: Path, trainer_for: Make, tmp_path: Path
) -> None:
    trainer = trainer_for("second", train={"init": trained})
    tagger = trainer.run()
    found = tagger.tag(SENTENCES)
    assert sum(map(len, found)) > 0
    expected = load(trained).tag(SENTENCES)
    assert found == expected
    assert [e.score for es in found for e in es] == [e.score for es in expected for e in es]
    assert (
        load_file(trained / "weights.safetensors").keys() == load_file(tmp_path / "second/weights.safetensors").keys()
    )
    count = len(tagger.network.state_dict())
    assert f"starts from first: {count} of {count} weights taken over\n" in log_of(tmp_path / "second")
    assert trainer.facts()["init"] == {"model": "first", "taken": count, "anew": [], "unused": []}
    shutil.rmtree(trained)
    assert load(tmp_path / "second").tag(SENTENCES) == expected  # nothing of the first is needed any more


def test_other_labels_keep_the_encoder_and_tell_that_the_scores_of_tags_start_anew(
    trained: Path, trainer_for: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = [Sentence(s.words, tuple(e for e in s.entities or () if e.label != "Artist")) for s in SENTENCES]
    monkeypatch.setattr(f"{__name__}.SENTENCES", sentences)
    untouched = trainer_for("plain", taxonomy=OTHER).tagger.network.state_dict()
    trainer = trainer_for("second", taxonomy=OTHER, train={"init": trained})
    weights, before = trainer.tagger.network.state_dict(), load_file(trained / "weights.safetensors")
    anew = {name for name in weights if name.startswith(("emissions.", "decoder."))}  # of equal shape, other meaning
    assert anew and all(weights[name].shape == before[name].shape for name in anew)
    for name, value in weights.items():
        assert torch.equal(value, untouched[name] if name in anew else before[name]), name
    trainer.run()
    taken = len(weights) - len(anew)
    told = f"{taken} of {len(weights)} weights taken over, {len(anew)} start anew (emissions.weight first)\n"
    assert f"starts from first: {told}" in log_of(tmp_path / "second")
    assert set(trainer.facts()["init"]["anew"]) == anew


def test_another_head_starts_anew_and_what_has_no_place_is_told(
    trained: Path, trainer_for: Make, tmp_path: Path
) -> None:
    trainer = trainer_for(
        "second", head={"context": "mlp", "decoder": "softmax"}, auxiliary={}, train={"init": trained}
    )
    weights, before = trainer.tagger.network.state_dict(), load_file(trained / "weights.safetensors")
    taken = {name for name in weights if not name.startswith("context.")}
    for name in taken:
        assert torch.equal(weights[name], before[name]), name
    unused = {name for name in before if name.startswith(("context.", "decoder.", "auxiliary."))}
    facts = trainer.facts()["init"]
    assert (facts["taken"], set(facts["anew"]), set(facts["unused"])) == (len(taken), set(weights) - taken, unused)
    trainer.run()
    assert f"{len(unused)} of that model have no place here (" in log_of(tmp_path / "second")


def test_an_interrupted_run_goes_on_and_does_not_start_again(trained: Path, trainer_for: Make, tmp_path: Path) -> None:
    train = {"init": trained, "epochs": 2, "groups": FAST}
    whole = trainer_for("whole", train=train).run().network.state_dict()
    first = trainer_for("cut", train=train)
    epoch = first._end_epoch

    def cut() -> None:
        epoch()
        raise KeyboardInterrupt

    first._end_epoch = cut  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = trainer_for("cut", train=train).run().network.state_dict()
    assert all(torch.equal(whole[name], second[name]) for name in whole)
    assert log_of(tmp_path / "cut").count("starts from") == 1


def test_another_encoder_is_refused(trained: Path, trainer_for: Make, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModel

    card = json.loads((trained / CARD).read_text())
    wide = shutil.copytree(card["settings"]["encoder"]["name"], tmp_path / "wide")
    config = AutoConfig.from_pretrained(wide)
    config.hidden_size = 20
    config.intermediate_size = 24
    AutoModel.from_config(config).save_pretrained(wide)
    with pytest.raises(
        ConfigError, match=r"no weight of the encoder in .*first.* fits this one; expected a model over"
    ):
        trainer_for("second", encoder={"name": str(wide)}, train={"init": trained})


def test_the_runs_own_folder_is_refused(trained: Path, trainer_for: Make) -> None:
    with pytest.raises(ConfigError, match=r"first is the folder of the run itself, to be written; give another --out"):
        trainer_for("first", train={"init": trained})


@pytest.mark.parametrize("damage", ["gone", "cut", "kind", "settings"])
def test_a_missing_or_damaged_folder_is_one_line(trained: Path, trainer_for: Make, damage: str) -> None:
    card = json.loads((trained / CARD).read_text())
    if damage == "gone":
        shutil.rmtree(trained)
    elif damage == "cut":
        (trained / "weights.safetensors").write_bytes(b"short")
    else:
        card["kind"] = "onnx" if damage == "kind" else "encoder"
        card["settings"] = {} if damage == "settings" else card["settings"]
        (trained / CARD).write_text(json.dumps(card))
    with pytest.raises(ModelError) as error:
        trainer_for("second", train={"init": trained})
    assert "\n" not in str(error.value)
    assert str(trained) in str(error.value)


def test_the_command_records_the_base_name_and_what_the_run_is_a_function_of(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, crf = tmp_path / "c.toml", tmp_path / "crf.toml"
    config.write_text(
        f'kind = "encoder"\ndata = {{ train = "{SAMPLE}/dev.conll", dev = "{SAMPLE}/test.conll" }}\n'
        f'encoder = {{ name = "{tiny_encoder("mbert")}" }}\ntrain = {{ epochs = 1, precision = "float32" }}\n'
    )
    crf.write_text(f'kind = "crf"\ndata = {{ train = "{SAMPLE}/dev.conll" }}\n')
    plain, other, begun = (tmp_path / "runs" / name for name in ("plain", "other", "begun"))
    assert run(["train", str(config), "--out", str(plain)]) == 0
    assert run(["train", str(config), "--set", "seed=7", "--out", str(other)]) == 0
    assert run(["train", str(config), "--init", str(plain), "--out", str(begun)]) == 0
    record = read_record(begun)
    assert (record.settings["train"]["init"], record.training["init"]["model"]) == ("plain", "plain")
    assert str(tmp_path) not in (begun / "record.json").read_text(encoding="utf-8")
    moved = shutil.copytree(plain, tmp_path / "elsewhere")
    assert run(["train", str(config), "--set", f"train.init={moved}", "--out", str(begun)]) == 0  # finished already
    for arguments, told in (
        ([config, "--init", other, "--out", begun], "finished run of other settings"),
        ([config, "--out", begun], "finished run of other settings"),
        ([config, "--init", tmp_path / "none", "--out", tmp_path / "new"], "none: does not exist; expected the folder"),
        ([config, "--init", tmp_path, "--out", tmp_path / "new"], "no model.json in it; expected the folder"),
        (
            [crf, "--init", plain, "--out", tmp_path / "new"],
            f"--init: starts from the weights of a trained encoder; {crf}",
        ),
    ):
        capsys.readouterr()
        assert run(["train", *map(str, arguments)]) == 2
        shown = capsys.readouterr().err
        assert told in shown
        assert shown.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_it_is_no_setting_of_a_crf() -> None:
    with pytest.raises(ConerError, match="train: no such setting"):
        parse_experiment({"kind": "crf", "train": {"init": "x"}})
