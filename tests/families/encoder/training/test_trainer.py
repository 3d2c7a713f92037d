"""The training loop learns, and gives the same result after an interruption."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from coner.core.errors import ConerError, ConfigError
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.data.taxonomy import load_taxonomy
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.fine_tuning import FineTuning
from helpers import ROOT, SAMPLE
from helpers.shell import head
from helpers.tiny_training import RATES, SENTENCES, PowerCut, cut_before, history_without_times, tuning_of

FULL_HEAD = {
    "layers": (-1, -2, -3),
    "mix": "concat",
    "context": "bilstm",
    "blend": "concat",
    "decoder": "crf",
    "dropout": 0.2,
}


Make = Callable[..., FineTuning]


@pytest.fixture
def tuning_for(settings_for: Callable[..., Any], tmp_path: Path) -> Make:
    def make(folder: str = "run", *, job: dict[str, Any] | None = None, **sections: Any) -> FineTuning:
        train = {"epochs": 3, "batch": 4, **sections.pop("train", {})}
        settings = settings_for(train=train, head={**FULL_HEAD, **sections.pop("head", {})}, **sections)
        return tuning_of(settings, tmp_path / folder, **(job or {}))

    return make


def test_small_corpus_can_be_memorised(tuning_for: Make) -> None:
    tuning = tuning_for(train={"epochs": 25, "groups": RATES}, auxiliary={"schedule": "residual"})
    tagger, history = tuning.run().tagger, tuning.trainer.progress.history
    assert tagger.tag(SENTENCES) == [list(sentence.entities or ()) for sentence in SENTENCES]
    assert history[-1]["loss"] < 0.1 * history[0]["loss"]
    assert [entry["weight"] for entry in history[-4:]] == [0.1] * 4
    assert history[0]["coarse_loss"] > history[-1]["coarse_loss"]


def test_frozen_coarse_layer_keeps_its_initial_values(tuning_for: Make) -> None:
    for frozen in (True, False):
        tuning = tuning_for(f"run{frozen}", auxiliary={"schedule": "residual", "frozen": frozen})
        auxiliary = tuning.tagger.network.auxiliary
        before = {name: value.clone() for name, value in auxiliary.state_dict().items()}
        tuning.run()
        after = auxiliary.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before) is frozen


@pytest.mark.parametrize(
    ("stop_at", "precision", "embeddings", "evaluate_every"),
    [(1, "float32", "all", 1), (4, "float32", "rows", 1), (5, "float32", "all", 2), (4, "bfloat16", "rows", 1)],
)
def test_interrupted_run_equals_an_uninterrupted_one_bit_for_bit(
    tuning_for: Make, *, stop_at: int, precision: str, embeddings: str, evaluate_every: int, tmp_path: Path
) -> None:
    """Three steps per epoch: stopped in the first epoch, in the second, and right before its end; with dropout."""
    sections: dict[str, Any] = {
        "auxiliary": {"schedule": "residual"},
        "train": {"checkpoint_minutes": 1e-9, "precision": precision, "evaluate_every": evaluate_every},
        "encoder": {"embeddings": embeddings},
    }
    whole = tuning_for("whole", **sections)
    whole.run()
    first = tuning_for("cut", **sections)
    cut_before(first.trainer, steps=stop_at)
    with pytest.raises(PowerCut):
        first.run()
    torch.manual_seed(99)  # as a new process has another random state
    second = tuning_for("cut", **sections)
    second.run()
    assert (tmp_path / "whole/weights.safetensors").read_bytes() == (tmp_path / "cut/weights.safetensors").read_bytes()
    last = [load_file(tmp_path / name / CHECKPOINT) for name in ("whole", "cut")]
    assert last[0].keys() == last[1].keys()
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])
    assert history_without_times(whole.trainer) == history_without_times(second.trainer)


def test_step_of_several_passes_has_the_gradient_of_one_large_batch(tuning_for: Make) -> None:
    gradients = []
    for folder, budget in (("one", 4096), ("many", 1)):
        train = {"batch": 12, "batch_pieces": budget, "clip": 0}
        trainer = tuning_for(folder, train=train, head={"dropout": 0.0}).trainer
        trainer.model.eval()
        trainer.model.train = lambda *_, t=trainer: t.model  # type: ignore[method-assign]  # no dropout in the encoder
        kept: dict[str, torch.Tensor] = {}
        trainer.optimizer.step = lambda kept=kept, t=trainer: kept.update(  # type: ignore[method-assign, misc]
            {n: p.grad.clone() for n, p in t.model.named_parameters() if p.grad is not None}
        )
        trainer.step(trainer.batches.epoch(0)[0])
        gradients.append((kept, trainer.progress.sums))
    (one, sums), (many, same_sums) = gradients
    assert one.keys() == many.keys()
    assert sums == pytest.approx(same_sums, rel=1e-5)
    for name, value in one.items():
        assert torch.allclose(value, many[name], rtol=1e-3, atol=1e-6), name


def test_checkpoint_of_other_settings_is_an_error(tuning_for: Make) -> None:
    tuning_for(train={"epochs": 1}).run()
    with pytest.raises(ConfigError, match=r"unfinished run with other settings or data. Fix: choose another --out"):
        tuning_for(job={"fingerprint": "y"}).run()


def test_best_epoch_is_kept(tuning_for: Make, tmp_path: Path) -> None:
    tuning = tuning_for(train={"epochs": 6, "groups": RATES})
    trainer, emissions = tuning.trainer, tuning.tagger.network.emissions
    macros = iter([0.1, 0.7, 0.3, 0.7, 0.2, 0.0])
    kept = {}

    def evaluate() -> Any:
        kept[trainer.progress.epoch] = emissions.weight.detach().clone()
        return {"macro_f1": next(macros), "micro_f1": 0.5}

    trainer.evaluate = evaluate
    tuning.run()
    assert trainer.progress.best_epoch == 2
    assert torch.equal(emissions.weight, kept[2])
    assert not torch.equal(kept[2], kept[4])


def test_each_epoch_is_evaluated_with_its_own_weights(tuning_for: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of the weights in bfloat16 are reused between calls, and fused AdamW does not count versions."""
    tag, predicted = EncoderTagger.tag, []

    def checked(tagger: EncoderTagger, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        fresh = EncoderTagger.of(tagger.network, tagger.pieces.tokenizer, tagger.manifest)
        predicted.append(tag(tagger, sentences))
        assert predicted[-1] == tag(fresh, sentences)
        return predicted[-1]

    monkeypatch.setattr(EncoderTagger, "tag", checked)
    tuning = tuning_for(train={"epochs": 16, "groups": RATES, "precision": "bfloat16"})
    tuning.run()
    assert len(predicted) >= 16 and any(predicted[15])
    assert not tuning.tagger.network.training  # otherwise copies would be made at every call


def test_dev_is_scored_every_few_epochs_and_after_the_last(tuning_for: Make) -> None:
    losses: dict[int, list[float]] = {}
    for every in (1, 3):
        tuning = tuning_for(f"every{every}", train={"epochs": 7, "groups": RATES, "evaluate_every": every})
        tuning.run()
        losses[every] = [entry["loss"] for entry in tuning.trainer.progress.history]
        assert [entry["epoch"] for entry in tuning.trainer.progress.history] == [*range(1, 8, every)]
    means = [losses[1][0], sum(losses[1][1:4]) / 3, sum(losses[1][4:]) / 3]  # an entry covers all epochs since the last
    assert losses[3] == pytest.approx(means, rel=1e-4)


def test_patience_ends_a_run_without_improvement(tuning_for: Make) -> None:
    tuning = tuning_for(train={"epochs": 9, "patience": 2, "groups": {"encoder": {"rate": 0}, "head": {"rate": 0}}})
    tuning.run()
    assert tuning.trainer.progress.epoch == 3


def test_infinite_loss_ends_the_run(tuning_for: Make) -> None:
    tuning = tuning_for(train={"groups": {"encoder": {"rate": 1e30}, "head": {"rate": 1e30}}, "clip": 0})
    with pytest.raises(ConerError, match=r"NaN or infinite at step \d+ of 9. Fix: lower the learning rates"):
        tuning.run()


def test_infinite_gradient_changes_no_weight(tuning_for: Make) -> None:
    tuning = tuning_for()
    weight = tuning.tagger.network.emissions.weight
    before = weight.detach().clone()
    weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(ConerError, match=r"the gradient is NaN or infinite at step 1 of \d+. Fix: lower"):
        tuning.run()
    assert torch.equal(weight, before)


def test_sentence_longer_than_the_encoder_is_trained_and_tagged_whole(tuning_for: Make) -> None:
    long = Sentence(("the",) * 300 + ("são", "paulo"), (Entity(300, 302, "City"),))
    job = {"train": [long, *SENTENCES], "dev": [long]}
    tagger = tuning_for(train={"epochs": 15, "groups": RATES}, job=job).run().tagger
    assert tagger.tag([long]) == [[Entity(300, 302, "City")]]


def test_ctrl_c_during_evaluation_loses_nothing(tuning_for: Make, tmp_path: Path) -> None:
    tuning_for("whole").run()
    first = tuning_for("cut")
    evaluate = first.trainer.evaluate

    def interrupted() -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return evaluate()

    first.trainer.evaluate = interrupted
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = tuning_for("cut")
    second.run()
    assert first.trainer.progress.epoch == 1  # the epoch was completed, and is in the checkpoint
    assert [entry["epoch"] for entry in second.trainer.progress.history] == [1, 2, 3]
    whole, cut = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())


def test_constructors_change_no_setting_of_the_process(tuning_for: Make) -> None:
    before = torch.get_num_threads()
    tuning_for()
    assert torch.get_num_threads() == before


SCRIPT = "import sys; from coner.cli import run; sys.exit(run(['train', sys.argv[1], '--out', sys.argv[2]]))"


@pytest.fixture(scope="module")
def start(tiny_encoder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Start a training that saves a checkpoint after every step, in a process of its own."""
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "train.conll").write_text(head(SAMPLE / "dev.conll", 60), encoding="utf-8")
    config = folder / "c.toml"
    config.write_text(
        f'kind = "encoder"\ndata = {{ train = "{folder}/train.conll", dev = "{SAMPLE}/test.conll" }}\n'
        f'encoder = {{ name = "{tiny_encoder("mbert")}" }}\nauxiliary = {{ schedule = "residual" }}\n'
        'head = { decoder = "crf", context = "bilstm" }\n'
        "train = { epochs = 3, batch = 4, checkpoint_minutes = 0.0001, precision = 'float32' }\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def call(out: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SCRIPT, config, out], env=environment)

    return call


@pytest.fixture(scope="module")
def uninterrupted(start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The weights after a training that is not interrupted."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert start(folder).wait(120) == 0
    return (folder / "weights.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_killed_process_resumes_where_it_stopped(
    sign: signal.Signals, start: Callable[..., Any], uninterrupted: bytes, tmp_path: Path
) -> None:
    cut = start(tmp_path)
    while not (tmp_path / CHECKPOINT).exists():
        assert cut.poll() is None
        time.sleep(0.02)
    cut.send_signal(sign)
    assert cut.wait(60) == (130 if sign == signal.SIGINT else -signal.SIGKILL)
    assert not (tmp_path / "record.json").exists()
    assert start(tmp_path).wait(120) == 0
    assert (tmp_path / "weights.safetensors").read_bytes() == uninterrupted


def test_sample_has_the_labels_of_the_taxonomy() -> None:
    sample = read(ROOT / "src/coner/data/sample/dev.conll", gold=True)
    assert set(sample.labels) == set(load_taxonomy("multiconer2").labels)
