"""Training that starts from a trained model: weights that fit are loaded, and the others are reported."""

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
from coner.families.encoder.training.fine_tuning import FineTuning
from coner.families.manifest import MANIFEST
from coner.families.settings import parse_experiment
from coner.records.record import read_record
from helpers import SAMPLE
from helpers.tiny_training import tuning_of

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"River": "", "City": ""}})
OTHER = Taxonomy("other", {"Person": {"Writer": ""}, "Place": {"River": "", "City": ""}})  # as many labels, but others
TEXTS = [
    ("the rhine flows through basel", [Entity(1, 2, "River"), Entity(4, 5, "City")]),
    ("rotterdam", [Entity(0, 1, "City")]),
    ("the symphony in the city", []),
] * 2
SENTENCES = [Sentence(tuple(text.split()), tuple(entities)) for text, entities in TEXTS]
CONSTANT = {"encoder": {"rate": 0}, "head": {"rate": 0}}
FAST = {"encoder": {"rate": 3e-3}, "head": {"rate": 1e-2}}
Make = Callable[..., FineTuning]


@pytest.fixture
def tuning_for(settings_for: Callable[..., Any], tmp_path: Path) -> Make:
    def make(folder: str, *, job: dict[str, Any] | None = None, **sections: Any) -> FineTuning:
        head = {"context": "bilstm", "decoder": "crf", **sections.pop("head", {})}
        train = {"epochs": 1, "batch": 3, "groups": CONSTANT, **sections.pop("train", {})}
        auxiliary = sections.pop("auxiliary", {"schedule": "residual"})
        settings = settings_for(head=head, train=train, auxiliary=auxiliary, **sections)
        (tmp_path / folder).mkdir(exist_ok=True)
        log = Log(tmp_path / folder / "log.txt")
        return tuning_of(
            settings, tmp_path / folder, **{"train": SENTENCES, "dev": SENTENCES, "log": log, **(job or {})}
        )

    return make


@pytest.fixture
def trained(tuning_for: Make, tmp_path: Path) -> Path:
    """The folder of a trained model."""
    tuning_for("first", train={"epochs": 12, "groups": FAST}).run()
    return tmp_path / "first"


def log_of(folder: Path) -> str:
    return (folder / "log.txt").read_text(encoding="utf-8")


def test_with_zero_learning_rates_the_tagger_equals_the_model_it_starts_from(
    trained: Path, tuning_for: Make, tmp_path: Path
) -> None:
    built = tuning_for("second", train={"init": trained}).run()
    predicted, expected = built.tagger.tag(SENTENCES), load(trained).tag(SENTENCES)
    assert sum(map(len, predicted)) > 0
    assert predicted == expected
    assert [e.score for es in predicted for e in es] == [e.score for es in expected for e in es]
    assert (
        load_file(trained / "weights.safetensors").keys() == load_file(tmp_path / "second/weights.safetensors").keys()
    )
    count = len(built.tagger.network.state_dict())
    assert f"starting from first: {count} of {count} weights loaded\n" in log_of(tmp_path / "second")
    assert built.facts["init"] == {"model": "first", "loaded": count, "new": [], "unused": []}
    shutil.rmtree(trained)
    assert load(tmp_path / "second").tag(SENTENCES) == expected  # the first folder is no longer needed


def test_with_other_labels_the_weights_that_score_tags_are_not_loaded(
    trained: Path, tuning_for: Make, tmp_path: Path
) -> None:
    sentences = [Sentence(s.words, tuple(e for e in s.entities or () if e.label != "Artist")) for s in SENTENCES]
    job = {"taxonomy": OTHER, "train": sentences, "dev": sentences}
    initial = tuning_for("plain", job=job).tagger.network.state_dict()
    tuning = tuning_for("second", job=job, train={"init": trained})
    weights, before = tuning.tagger.network.state_dict(), load_file(trained / "weights.safetensors")
    new = {name for name in weights if name.startswith(("emissions.", "decoder."))}  # same shape, other meaning
    assert new and all(weights[name].shape == before[name].shape for name in new)
    for name, value in weights.items():
        assert torch.equal(value, initial[name] if name in new else before[name]), name
    facts = tuning.run().facts["init"]
    loaded = len(weights) - len(new)
    line = f"{loaded} of {len(weights)} weights loaded, {len(new)} newly initialised (first: emissions.weight)\n"
    assert f"starting from first: {line}" in log_of(tmp_path / "second")
    assert set(facts["new"]) == new


def test_weights_of_another_head_are_reported_as_new_and_unused(
    trained: Path, tuning_for: Make, tmp_path: Path
) -> None:
    head = {"context": "mlp", "decoder": "softmax"}
    tuning = tuning_for("second", head=head, auxiliary={}, train={"init": trained})
    weights, before = tuning.tagger.network.state_dict(), load_file(trained / "weights.safetensors")
    loaded = {name for name in weights if not name.startswith("context.")}
    for name in loaded:
        assert torch.equal(weights[name], before[name]), name
    unused = {name for name in before if name.startswith(("context.", "decoder.", "auxiliary."))}
    facts = tuning.run().facts["init"]
    assert (facts["loaded"], set(facts["new"]), set(facts["unused"])) == (len(loaded), set(weights) - loaded, unused)
    assert f"{len(unused)} of that model unused (" in log_of(tmp_path / "second")


def test_interrupted_run_resumes_from_its_checkpoint_not_from_train_init(
    trained: Path, tuning_for: Make, tmp_path: Path
) -> None:
    train = {"init": trained, "epochs": 2, "groups": FAST}
    whole = tuning_for("whole", train=train).run().tagger.network.state_dict()

    def interrupt(_epoch: int, _f1: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuning_for("cut", train=train, job={"on_epoch": interrupt}).run()
    second = tuning_for("cut", train=train).run().tagger.network.state_dict()
    assert all(torch.equal(whole[name], second[name]) for name in whole)
    assert log_of(tmp_path / "cut").count("starting from") == 1


def test_another_encoder_is_an_error(trained: Path, tuning_for: Make, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModel

    manifest = json.loads((trained / MANIFEST).read_text())
    wide = shutil.copytree(manifest["settings"]["encoder"]["name"], tmp_path / "wide")
    config = AutoConfig.from_pretrained(wide)
    config.hidden_size = 20
    config.intermediate_size = 24
    AutoModel.from_config(config).save_pretrained(wide)
    with pytest.raises(
        ConfigError, match=r"train.init: got .*first, whose encoder has other weights; expected a model with the same"
    ):
        tuning_for("second", encoder={"name": str(wide)}, train={"init": trained})


def test_folder_of_the_run_itself_is_an_error(trained: Path, tuning_for: Make) -> None:
    with pytest.raises(
        ConfigError, match=r"train.init: got .*first, the folder of this run. Fix: choose another --out"
    ):
        tuning_for("first", train={"init": trained})


@pytest.mark.parametrize("damage", ["gone", "cut", "weights", "settings"])
def test_missing_or_damaged_folder_is_one_line(trained: Path, tuning_for: Make, damage: str) -> None:
    manifest = json.loads((trained / MANIFEST).read_text())
    if damage == "gone":
        shutil.rmtree(trained)
    elif damage == "cut":
        (trained / "weights.safetensors").write_bytes(b"short")
    else:
        section, key = (manifest, "settings") if damage == "settings" else (manifest["files"], "weights.safetensors")
        del section[key]
        (trained / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError) as error:
        tuning_for("second", train={"init": trained})
    assert "\n" not in str(error.value)
    assert str(trained) in str(error.value)


def test_command_records_the_model_and_refuses_invalid_ones(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, crf = tmp_path / "c.toml", tmp_path / "crf.toml"
    config.write_text(
        f'kind = "encoder"\ndata = {{ train = "{SAMPLE}/dev.conll", dev = "{SAMPLE}/test.conll" }}\n'
        f'encoder = {{ name = "{tiny_encoder("mbert")}" }}\ntrain = {{ epochs = 1, precision = "float32" }}\n'
    )
    crf.write_text(f'kind = "crf"\ndata = {{ train = "{SAMPLE}/dev.conll" }}\n')
    plain, other, continued = (tmp_path / "runs" / name for name in ("plain", "other", "continued"))
    assert run(["train", str(config), "--out", str(plain)]) == 0
    assert run(["train", str(config), "--set", "seed=7", "--out", str(other)]) == 0
    assert run(["train", str(config), "--init", str(plain), "--out", str(continued)]) == 0
    record = read_record(continued)
    assert (record.settings["train"]["init"], record.training["init"]["model"]) == ("plain", "plain")
    assert str(tmp_path) not in (continued / "record.json").read_text(encoding="utf-8")
    moved = shutil.copytree(plain, tmp_path / "elsewhere")
    assert run(["train", str(config), "--set", f"train.init={moved}", "--out", str(continued)]) == 0  # finished already
    for arguments, message in (
        ([config, "--init", other, "--out", continued], "finished run with other settings"),
        ([config, "--out", continued], "finished run with other settings"),
        ([config, "--init", tmp_path / "none", "--out", tmp_path / "new"], "none: does not exist; expected the folder"),
        ([config, "--init", tmp_path, "--out", tmp_path / "new"], "got no model.json; expected the folder"),
        (
            [crf, "--init", plain, "--out", tmp_path / "new"],
            "--init: got kind crf; expected encoder or span",
        ),
    ):
        capsys.readouterr()
        assert run(["train", *map(str, arguments)]) == 2
        shown = capsys.readouterr().err
        assert message in shown
        assert [line for line in shown.splitlines() if not line.startswith("settings for")] == shown.splitlines()[-1:]
    assert not (tmp_path / "new").exists()


def test_crf_has_no_setting_train_init() -> None:
    with pytest.raises(ConerError, match="train: no such setting"):
        parse_experiment({"kind": "crf", "train": {"init": "x"}})
