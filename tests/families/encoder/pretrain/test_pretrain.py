"""Pre-training on masked words: which are masked, what is learned, and that a run resumes exactly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.nn import functional as F

from coner.core.errors import ConfigError, DataError
from coner.core.types import Sentence
from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pretrained import load_encoder
from coner.families.encoder.pretrain import run as pretraining
from coner.families.encoder.pretrain.masking import mask_words
from coner.families.encoder.pretrain.network import MaskedLanguageModel
from coner.families.encoder.pretrain.run import PretrainOptions, pretrain, split_text
from coner.families.encoder.training.trainer import Trainer
from helpers.rivers import SENTENCES
from helpers.tiny_training import PowerCut

TEXT = [Sentence(s.words) for s in SENTENCES] + [Sentence((word, "is", "a", "river")) for word in ("rhine", "aare")]
MASK = 3


@pytest.fixture(scope="module")
def pieces(tiny_encoder: Callable[[str], Path]) -> PieceMaker:
    encoder, tokenizer = load_encoder(str(tiny_encoder("mbert")))
    return PieceMaker(tokenizer, limit=piece_limit(encoder.config))


def batch_of(pieces: PieceMaker, sentences: list[Sentence]) -> Batch:
    return collate(pieces([sentence.words for sentence in sentences]), pieces)


@settings(max_examples=40, deadline=None)
@given(share=st.sampled_from([0.001, 0.15, 0.5, 1.0]), seed=st.integers(0, 99), count=st.integers(1, 6))
def test_words_are_masked_whole_and_nothing_else_changes(
    pieces: PieceMaker, share: float, seed: int, count: int
) -> None:
    batch = batch_of(pieces, TEXT[:count])
    masked = mask_words(batch, share, mask=MASK, vocabulary=20, generator=torch.Generator().manual_seed(seed))
    word = dict(zip(batch.pieces.every.tolist(), batch.pieces.word.tolist(), strict=True))
    hidden = {word[place] for place in masked.places.tolist()}
    assert hidden
    assert share < 1 or hidden == set(word.values())
    assert sorted(masked.places.tolist()) == sorted(place for place, of in word.items() if of in hidden)
    assert torch.equal(masked.ids, batch.ids.flatten()[masked.places])
    others = [place for place in range(batch.ids.numel()) if word.get(place) not in hidden]
    assert torch.equal(masked.batch.ids.flatten()[others], batch.ids.flatten()[others])
    assert torch.equal(masked.batch.mask, batch.mask)


def test_four_of_five_masked_pieces_are_the_mask(pieces: PieceMaker) -> None:
    batch = batch_of(pieces, TEXT * 200)
    masked = mask_words(batch, 1.0, mask=MASK, vocabulary=10**6, generator=torch.Generator().manual_seed(1))
    shown = masked.batch.ids.flatten()[masked.places]
    assert (shown == MASK).float().mean() == pytest.approx(0.8, abs=0.03)
    assert (shown == masked.ids).float().mean() == pytest.approx(0.1, abs=0.03)


def test_loss_is_the_cross_entropy_over_the_whole_vocabulary(
    tiny_encoder: Callable[[str], Path], pieces: PieceMaker
) -> None:
    torch.manual_seed(3)
    encoder, _ = load_encoder(str(tiny_encoder("mbert")))
    network = MaskedLanguageModel(encoder).eval()
    batch = batch_of(pieces, TEXT)
    size = len(network.bias)
    masked = mask_words(batch, 0.5, mask=MASK, vocabulary=size, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        states = encoder(input_ids=masked.batch.ids, attention_mask=batch.mask).last_hidden_state
        vectors = network.norm(F.gelu(network.transform(states)))
        scores = vectors @ encoder.get_input_embeddings().weight.T + network.bias
        expected = -scores.log_softmax(-1).flatten(0, 1)[masked.places].gather(1, masked.ids[:, None])[:, 0]
        assert torch.allclose(network.losses(masked), expected, atol=1e-5)


def asked_for(folder: Path, **changes: float) -> PretrainOptions:
    return PretrainOptions(str(folder), **{"epochs": 30, "batch": 4, "rate": 3e-3, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("architecture", ["mbert", "roberta"])
def test_text_is_learned_and_the_folder_is_an_encoder(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, architecture: str
) -> None:
    source = tiny_encoder(architecture)
    report = pretrain(asked_for(source, epochs=100), TEXT, tmp_path / "new")
    losses = [entry["loss"] for entry in report["history"]]
    assert sum(losses[-5:]) / 5 < 0.5 * losses[0]
    assert json.loads((tmp_path / "new/pretrain.json").read_text())["best_epoch"] == report["best_epoch"]
    encoder, tokenizer = load_encoder(str(tmp_path / "new"))
    before, old_tokenizer = load_encoder(str(source))
    weights, old = encoder.state_dict(), before.state_dict()
    assert weights.keys() == old.keys()
    assert any(not torch.equal(weights[name], old[name]) for name in old)
    assert tokenizer("basel is a city")["input_ids"] == old_tokenizer("basel is a city")["input_ids"]
    assert not (tmp_path / "new/checkpoint.safetensors").exists()


def test_interrupted_run_equals_an_uninterrupted_one(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_for(tiny_encoder("mbert"), epochs=4)
    pretrain(asked, TEXT, tmp_path / "whole")
    step, calls = Trainer.step, [0]

    def cut(self: Trainer, examples: list[int]) -> None:
        calls[0] += 1
        if calls[0] == 4:
            raise PowerCut
        step(self, examples)

    monkeypatch.setattr(Trainer, "step", cut)
    with pytest.raises(PowerCut):
        pretrain(asked, TEXT, tmp_path / "cut")
    monkeypatch.setattr(Trainer, "step", step)
    torch.manual_seed(99)
    pretrain(asked, TEXT, tmp_path / "cut")
    whole, cut_off = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut_off[name]) for name in whole)


def test_finished_run_is_not_repeated_and_other_settings_are_refused(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_for(tiny_encoder("mbert"), epochs=1)
    report = pretrain(asked, TEXT, tmp_path / "new")
    monkeypatch.setattr(pretraining, "_trainer", None)  # nothing may be trained
    assert pretrain(asked, TEXT, tmp_path / "new") == report
    with pytest.raises(ConfigError, match="contains an encoder of other settings or text"):
        pretrain(asked_for(tiny_encoder("mbert"), epochs=2), TEXT, tmp_path / "new")


def test_held_out_texts_are_not_trained_on_and_do_not_depend_on_the_order() -> None:
    text = [Sentence((f"word{i % 90}", "Here")) for i in range(180)]
    train, held_out = split_text(text)
    assert (len(train), len(held_out)) == (89, 1)  # each text once
    assert {s.words for s in train}.isdisjoint(s.words for s in held_out)
    assert {s.words for s in split_text(text[::-1])[1]} == {s.words for s in held_out}
    with pytest.raises(DataError, match="got 1 different sentences"):
        split_text([Sentence(("a",)), Sentence(("A",))])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "--epochs: got 0"),
        ({"rate": 0.0}, "--rate: got 0"),
        ({"share": 1.5}, "--share: got 1.5"),
        ({"seed": -1}, "--seed: got -1; expected 0 to 4294967295"),
        ({"seed": 2**32}, "--seed: got 4294967296"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PretrainOptions(**changes)  # type: ignore[arg-type]


def test_encoder_without_a_mask_is_refused(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, tokenizer = load_encoder(str(tiny_encoder("mbert")))
    tokenizer.mask_token = None
    monkeypatch.setattr(pretraining, "load_encoder", lambda name: (encoder, tokenizer))
    with pytest.raises(ConfigError, match="whose tokenizer has no mask"):
        pretrain(asked_for(tiny_encoder("mbert")), TEXT, tmp_path / "new")


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_folder_of_the_encoder_and_those_of_models_are_refused(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, overwrite: bool
) -> None:
    encoder, linked = shutil.copytree(tiny_encoder("mbert"), tmp_path / "encoder"), tmp_path / "linked"
    linked.symlink_to(encoder)
    weights = (encoder / "model.safetensors").read_bytes()
    for folder in (encoder, linked):
        with pytest.raises(ConfigError, match=r"--out: got .*, the folder of --encoder"):
            pretrain(asked_for(encoder), TEXT, folder, overwrite=overwrite)
    assert (encoder / "model.safetensors").read_bytes() == weights
    for name in ("model.json", "record.json"):
        (folder := tmp_path / name.replace(".", "-")).mkdir()
        (folder / name).write_text("{}")
        with pytest.raises(ConfigError, match=f"which has a {name}: the folder of a model or run"):
            pretrain(asked_for(encoder), TEXT, folder, overwrite=overwrite)
        assert [path.name for path in folder.iterdir()] == [name]
