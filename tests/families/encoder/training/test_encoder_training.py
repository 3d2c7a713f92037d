"""The training loop: learns, stops, goes on, and is the same however it was cut up."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from coner.core.errors import ConerError, ConfigError
from coner.core.progress import Log
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.data.taxonomy import load_taxonomy
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.trainer import CHECKPOINT, EncoderTrainer
from helpers import ROOT, SAMPLE
from helpers.rivers import SENTENCES as FOUR
from helpers.rivers import TAXONOMY

SENTENCES = FOUR * 3
FULL_HEAD = {
    "layers": (-1, -2, -3),
    "mix": "concat",
    "context": "bilstm",
    "blend": "concat",
    "decoder": "crf",
    "dropout": 0.2,
}


@pytest.fixture
def trainer_for(settings_for: Callable[..., Any], tmp_path: Path) -> Callable[..., EncoderTrainer]:
    def make(folder: str = "run", *, belongs_to: str = "x", **sections: Any) -> EncoderTrainer:
        train = {"epochs": 3, "batch": 4, **sections.pop("train", {})}
        settings = settings_for(train=train, head={**FULL_HEAD, **sections.pop("head", {})}, **sections)
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        return EncoderTrainer(
            settings,
            train=SENTENCES,
            dev=SENTENCES[:4],
            taxonomy=TAXONOMY,
            folder=path,
            belongs_to=belongs_to,
            log=Log(),
        )

    return make


RATES = {"encoder": {"rate": 3e-3}, "head": {"rate": 1e-2}}


def test_a_small_corpus_is_learned_by_heart(trainer_for: Callable[..., EncoderTrainer]) -> None:
    trainer = trainer_for(train={"epochs": 25, "groups": RATES}, auxiliary={"schedule": "residual"})
    tagger = trainer.run()
    assert tagger.tag(SENTENCES) == [list(sentence.entities or ()) for sentence in SENTENCES]
    losses = [entry["loss"] for entry in trainer.progress.history]
    assert losses[-1] < 0.1 * losses[0]
    assert [entry["weight"] for entry in trainer.progress.history[-4:]] == [0.1] * 4
    assert trainer.progress.history[0]["coarse_loss"] > trainer.progress.history[-1]["coarse_loss"]


def test_a_frozen_coarse_layer_keeps_its_random_start(trainer_for: Callable[..., EncoderTrainer]) -> None:
    for frozen in (True, False):
        trainer = trainer_for(f"run{frozen}", auxiliary={"schedule": "residual", "frozen": frozen})
        auxiliary = trainer.tagger.network.auxiliary
        assert auxiliary is not None
        before = {name: value.clone() for name, value in auxiliary.state_dict().items()}
        trainer.run()
        after = auxiliary.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before) is frozen


class Stop(Exception):
    """Stands for a power cut."""


@pytest.mark.parametrize(
    ("stop_at", "precision", "embeddings"),
    [(1, "float32", "all"), (4, "float32", "rows"), (5, "float32", "all"), (4, "bfloat16", "rows")],
)
def test_an_interrupted_run_gives_bit_for_bit_the_model_of_an_uninterrupted_one(
    trainer_for: Callable[..., EncoderTrainer], stop_at: int, precision: str, embeddings: str, tmp_path: Path
) -> None:
    """Three steps an epoch: cut in the first epoch, in the second, and right before its end; dropout is on."""
    sections: dict[str, Any] = {
        "auxiliary": {"schedule": "residual"},
        "train": {"checkpoint_minutes": 1e-9, "precision": precision},
        "encoder": {"embeddings": embeddings},
    }
    whole = trainer_for("whole", **sections)
    whole.run()
    first = trainer_for("cut", **sections)
    steps = 0
    step = first._step

    def cut(chosen: Any) -> None:
        nonlocal steps
        if steps == stop_at:
            raise Stop
        steps += 1
        step(chosen)

    first._step = cut  # type: ignore[method-assign]
    with pytest.raises(Stop):
        first.run()
    torch.manual_seed(99)  # a new process would not have the old one's random state either
    second = trainer_for("cut", **sections)
    second.run()
    assert (tmp_path / "whole/weights.safetensors").read_bytes() == (tmp_path / "cut/weights.safetensors").read_bytes()
    last = [load_file(tmp_path / name / CHECKPOINT) for name in ("whole", "cut")]
    assert last[0].keys() == last[1].keys()
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])
    timeless = [
        [{k: v for k, v in entry.items() if "seconds" not in k} for entry in run.progress.history]
        for run in (whole, second)
    ]
    assert timeless[0] == timeless[1]


def test_a_step_of_several_passes_has_the_gradient_of_one_big_batch(trainer_for: Callable[..., EncoderTrainer]) -> None:
    gradients = []
    for folder, budget in (("one", 4096), ("many", 1)):
        trainer = trainer_for(folder, train={"batch": 12, "batch_pieces": budget, "clip": 0}, head={"dropout": 0.0})
        trainer.network.eval()
        trainer.network.train = lambda *_, t=trainer: t.network  # type: ignore[method-assign]  # the encoder's dropout off
        kept: dict[str, torch.Tensor] = {}
        trainer.optimizer.step = lambda kept=kept, t=trainer: kept.update(  # type: ignore[method-assign, misc]
            {n: p.grad.clone() for n, p in t.tagger.network.named_parameters() if p.grad is not None}
        )
        trainer._step(trainer._plan(0)[0])
        gradients.append((kept, trainer.progress.sums))
    (one, sums), (many, same_sums) = gradients
    assert one.keys() == many.keys()
    assert sums == pytest.approx(same_sums, rel=1e-5)
    for name, value in one.items():
        assert torch.allclose(value, many[name], rtol=1e-3, atol=1e-6), name


def test_a_checkpoint_of_other_settings_is_refused(trainer_for: Callable[..., EncoderTrainer]) -> None:
    trainer_for(train={"epochs": 1}).run()
    with pytest.raises(ConfigError, match="unfinished run of other settings or data; give another --out"):
        trainer_for(belongs_to="y").run()


def test_the_best_epoch_is_kept_not_the_last(trainer_for: Callable[..., EncoderTrainer], tmp_path: Path) -> None:
    trainer = trainer_for(train={"epochs": 6, "groups": RATES})
    macros = iter([0.1, 0.7, 0.3, 0.7, 0.2, 0.0])
    kept = {}

    def judged(*_: Any, **__: Any) -> Any:
        kept[trainer.progress.epoch + 1] = trainer.tagger.network.emissions.weight.detach().clone()
        return SimpleNamespace(fine=SimpleNamespace(macro_f1=next(macros), micro_f1=0.5))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coner.families.encoder.training.trainer.score_sentences", judged)
        tagger = trainer.run()
    assert trainer.progress.best_epoch == 2
    assert torch.equal(tagger.network.emissions.weight, kept[2])
    assert not torch.equal(kept[2], kept[4])


def test_each_epoch_is_judged_by_its_own_weights(
    trainer_for: Callable[..., EncoderTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies of the weights in bfloat16 are kept from call to call; fused AdamW does not tell that they are others."""
    tag, told = EncoderTagger.tag, []

    def judged(tagger: EncoderTagger, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        fresh = EncoderTagger(
            tagger.network,
            tagger.tokenizer,
            taxonomy=tagger.taxonomy,
            settings=tagger.settings,
            device=tagger.device,
        )
        told.append(tag(tagger, sentences))
        assert told[-1] == tag(fresh, sentences)
        return told[-1]

    monkeypatch.setattr(EncoderTagger, "tag", judged)
    taught = trainer_for(train={"epochs": 16, "groups": RATES, "precision": "bfloat16"}).run()
    assert len(told) >= 16 and any(told[15])
    assert not taught.network.training  # or its weights would be lowered at every call


def test_patience_ends_a_run_that_no_longer_gets_better(trainer_for: Callable[..., EncoderTrainer]) -> None:
    trainer = trainer_for(train={"epochs": 9, "patience": 2, "groups": {"encoder": {"rate": 0}, "head": {"rate": 0}}})
    trainer.run()
    assert trainer.progress.epoch == 3


def test_a_loss_that_is_no_number_ends_the_run_with_advice(trainer_for: Callable[..., EncoderTrainer]) -> None:
    trainer = trainer_for(train={"groups": {"encoder": {"rate": 1e30}, "head": {"rate": 1e30}}, "clip": 0})
    with pytest.raises(ConerError, match=r"no longer a number at step \d+ of 9; lower the learning rates"):
        trainer.run()


def test_a_gradient_that_is_no_number_changes_no_weight(trainer_for: Callable[..., EncoderTrainer]) -> None:
    trainer = trainer_for()
    weight = trainer.tagger.network.emissions.weight
    before = weight.detach().clone()
    weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(ConerError, match=r"gradient is no longer a number at step 1 of \d+; lower the learning rates"):
        trainer.run()
    assert torch.equal(weight, before)


def test_a_sentence_longer_than_the_encoder_is_trained_and_tagged_whole(
    trainer_for: Callable[..., EncoderTrainer], tmp_path: Path
) -> None:
    long = Sentence(("the",) * 300 + ("são", "paulo"), (Entity(300, 302, "City"),))
    trainer = trainer_for(train={"epochs": 15, "groups": RATES})
    again = EncoderTrainer(
        trainer.settings,
        train=[long, *SENTENCES],
        dev=[long],
        taxonomy=TAXONOMY,
        folder=tmp_path,
        belongs_to="x",
        log=Log(),
    )
    tagger = again.run()
    assert tagger.tag([long]) == [[Entity(300, 302, "City")]]


def test_ctrl_c_during_validation_loses_nothing(
    trainer_for: Callable[..., EncoderTrainer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer_for("whole").run()
    trainer = trainer_for("cut")
    tag = trainer.tagger.tag

    def interrupted(sentences: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return tag(sentences)

    monkeypatch.setattr(trainer.tagger, "tag", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    again = trainer_for("cut")
    again.run()
    assert trainer.progress.epoch == 1  # its end was reached, and is in the checkpoint
    assert [entry["epoch"] for entry in again.progress.history] == [1, 2, 3]
    whole, cut = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())


SCRIPT = "import sys; from coner.cli import run; sys.exit(run(['train', sys.argv[1], '--out', sys.argv[2]]))"


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_goes_on_where_it_stopped(
    sign: signal.Signals, tiny_encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    sample = SAMPLE
    config = tmp_path / "c.toml"
    config.write_text(
        f'kind = "encoder"\ndata = {{ train = "{sample}/dev.conll", dev = "{sample}/test.conll" }}\n'
        f'encoder = {{ name = "{tiny_encoder("mbert")}" }}\nauxiliary = {{ schedule = "residual" }}\n'
        'head = { decoder = "crf", context = "bilstm" }\n'
        "train = { epochs = 3, batch = 4, checkpoint_minutes = 0.0001, precision = 'float32' }\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(folder: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SCRIPT, config, tmp_path / folder], env=environment)

    assert start("whole").wait(120) == 0
    cut = start("cut")
    while not (tmp_path / "cut" / CHECKPOINT).exists():
        assert cut.poll() is None
        time.sleep(0.02)
    cut.send_signal(sign)
    assert cut.wait(60) == (130 if sign == signal.SIGINT else -signal.SIGKILL)
    assert not (tmp_path / "cut/record.json").exists()
    assert start("cut").wait(120) == 0
    assert (tmp_path / "whole/weights.safetensors").read_bytes() == (tmp_path / "cut/weights.safetensors").read_bytes()


def test_the_sample_fits_the_taxonomy() -> None:
    sample = read(ROOT / "src/coner/data/sample/dev.conll", gold=True)
    assert set(sample.labels) == set(load_taxonomy("multiconer2").labels)
