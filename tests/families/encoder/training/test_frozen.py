"""Frozen layers: a stored output is that of the layer, for every architecture, and nothing else changes."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from safetensors.torch import load_file

from coner.core.errors import ConfigError, OutputError
from coner.core.types import Entity, Sentence
from coner.families.encoder.training import CHECKPOINT, frozen
from coner.families.encoder.training.fine_tuning import FineTuning
from coner.families.encoder.training.objective import Objective
from helpers import tiny
from helpers.tiny_training import RATES, SENTENCES, PowerCut, cut_before, history_without_times, record_norms, tuning_of

LONG = Sentence(("the", "rhine") * 40, (Entity(1, 2, "River"),))  # takes several windows
TRAIN = [LONG, *SENTENCES[:5]]
Make = Callable[..., FineTuning]


@pytest.fixture
def tuning_for(settings_for: Callable[..., Any], tmp_path: Path) -> Make:
    def make(run: str = "run", *, architecture: str = "mbert", freeze: int = 2, **sections: Any) -> FineTuning:
        encoder = {"freeze_layers": freeze, "window": 24, **sections.pop("encoder", {})}
        train = {"epochs": 2, "batch": 4, "groups": RATES, **sections.pop("train", {})}
        settings = settings_for(architecture, encoder=encoder, train=train, **sections)
        return tuning_of(settings, tmp_path / run, train=TRAIN, dev=SENTENCES[:3])

    return make


def no_dropout(tuning: FineTuning) -> None:
    for module in tuning.tagger.network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def only_train(tuning: FineTuning, layers: Any) -> None:
    """Set these layers of the encoder, and no other module of it, to train."""
    encoder = tuning.tagger.encoder
    tuning.tagger.network.train()
    for module in list(encoder.modules())[1:]:
        module.training = False
    for layer in layers:
        layer.train()


def losses_and_gradients(objective: Objective, examples: list[int]) -> tuple[float, dict[str, torch.Tensor]]:
    network = objective.tagger.network
    network.zero_grad()
    torch.manual_seed(3)
    loss = sum(objective.losses(examples).values(), torch.zeros(()))
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def assert_stored_equals_computed(tuning: FineTuning, tmp_path: Path, *, tolerance: float = 1e-4) -> None:
    objective, stored = tuning.trainer.objective, tuning.trainer.objective.frozen
    assert stored is not None
    layers = next(m for m in tuning.tagger.encoder.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == 3)
    examples = [3, 0, 5, 1]
    objective.frozen = None
    only_train(tuning, layers[stored.count :])
    loss, gradients = losses_and_gradients(objective, examples)

    stored.compute(objective.pieces, tmp_path)
    objective.frozen = stored
    tuning.tagger.network.train()

    def fail(*_: Any) -> NoReturn:
        raise AssertionError("a frozen layer was computed")

    hooks = [child.register_forward_hook(fail) for layer in layers[: stored.count] for child in layer.children()]
    again, same = losses_and_gradients(objective, examples)
    assert again == pytest.approx(loss, rel=tolerance)
    assert gradients.keys() == same.keys()
    top = {name for name, _ in tuning.tagger.network.named_parameters() if f".{2}." in name and "encoder" in name}
    assert stored.count == 3 or any(gradients[name].abs().sum() > 0 for name in top & gradients.keys())
    for name, gradient in gradients.items():
        assert torch.allclose(gradient, same[name], rtol=10 * tolerance, atol=tolerance), name
    for hook in hooks:
        hook.remove()
    assert all("forward" not in vars(layer) for layer in layers)


@pytest.mark.parametrize("architecture", sorted(tiny.MAKERS))
def test_stored_outputs_give_the_losses_and_gradients_of_computed_ones(
    architecture: str, tuning_for: Make, tmp_path: Path
) -> None:
    """With dropout in the trained layers, windows, and hidden layers of both sides in the mix."""
    head = {"layers": "all", "mix": "weighted", "decoder": "crf", "dropout": 0.2}
    assert_stored_equals_computed(tuning_for(architecture=architecture, head=head), tmp_path)


@pytest.mark.parametrize(
    "kind", sorted(tiny.OTHERS.keys() - {"albert", "modernbert"})
)  # see below; has its own tokenizer
def test_other_architectures_start_from_stored_outputs_too(
    kind: str, tiny_encoder: Callable[[str], Path], tuning_for: Make, tmp_path: Path
) -> None:
    encoder = {"name": str(tiny.other(kind, tiny_encoder("mbert").parent, tmp_path / kind))}
    assert_stored_equals_computed(tuning_for(encoder=encoder, freeze=1), tmp_path)


@pytest.mark.parametrize("freeze", [1, 3])
def test_one_layer_or_all_can_be_frozen(freeze: int, tuning_for: Make, tmp_path: Path) -> None:
    assert_stored_equals_computed(tuning_for(freeze=freeze), tmp_path)


def test_a_sentence_of_many_windows_is_run_at_once(tuning_for: Make, tmp_path: Path) -> None:
    """Without stored outputs its windows are run in several passes, which draw other dropout: so there is none here."""
    tuning = tuning_for(train={"batch_pieces": 64})
    no_dropout(tuning)
    assert tuning.tagger.network.windows.pieces == 64  # type: ignore[union-attr]
    assert_stored_equals_computed(tuning, tmp_path)


def test_stored_outputs_in_bfloat16(tuning_for: Make, tmp_path: Path) -> None:
    tuning = tuning_for(train={"precision": "bfloat16"})
    assert_stored_equals_computed(tuning, tmp_path, tolerance=1e-2)


def test_only_weights_above_the_frozen_layers_change(tuning_for: Make) -> None:
    tuning = tuning_for(architecture="deberta_v3")
    before = {name: value.clone() for name, value in tuning.tagger.network.state_dict().items()}
    tuning.run()
    after = load_file(tuning.job.folder / "weights.safetensors")
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert {name for name in changed if name.startswith("encoder.")} == {
        name for name, _ in tuning.tagger.network.named_parameters() if name.startswith("encoder.encoder.layer.2.")
    }
    assert any(name.startswith("emissions.") for name in changed)


def test_frozen_layers_train_from_the_epoch_that_unfreezes_them(tuning_for: Make) -> None:
    tuning = tuning_for(encoder={"unfreeze_after": 0.5}, train={"epochs": 4})
    stored, changes = tuning.trainer.objective.frozen, list[bool]()
    assert stored is not None
    before = {name: parameter.detach().clone() for name, parameter in stored.parameters.items()}
    assert {"encoder.embeddings.word_embeddings.weight", "encoder.encoder.layer.1.output.dense.weight"} <= before.keys()

    def compare(_epoch: int, _f1: float) -> None:
        changes.append(any(not torch.equal(before[name], value) for name, value in stored.parameters.items()))

    tuning.job = replace(tuning.job, on_epoch=compare)
    tuning.run()
    assert changes == [False, False, True, True]


def test_unfrozen_layers_are_computed_as_if_they_had_never_been_frozen(tuning_for: Make) -> None:
    tuning, plain = tuning_for(encoder={"unfreeze_after": 0.5}), tuning_for("plain", freeze=0)
    norms = [record_norms(one.trainer) for one in (tuning, plain)]
    for one in (tuning, plain):
        no_dropout(one)
        one.compute_frozen()
        one.trainer.progress.epoch = 1
        one.trainer.step([3, 0, 5, 1])
    assert norms[0] == norms[1]


@pytest.mark.parametrize(
    ("memory", "unfreeze_after", "steps"), [(0, 1.0, 3), (1 << 30, 1.0, 3), (0, 0.5, 1), (0, 0.5, 3)]
)
def test_interrupted_run_equals_an_uninterrupted_one_bit_for_bit(
    memory: int, unfreeze_after: float, steps: int, *, tuning_for: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In memory or from a file, which leaves no name behind; two steps an epoch."""
    sections: dict[str, Any] = {
        "train": {"checkpoint_minutes": 1e-9},
        "encoder": {"unfreeze_after": unfreeze_after},
    }
    whole = tuning_for("whole", **sections)
    whole.run()
    monkeypatch.setattr(frozen, "MEMORY", memory)
    first = tuning_for("cut", **sections)
    cut_before(first.trainer, steps=steps)
    with pytest.raises(PowerCut):
        first.run()
    torch.manual_seed(99)
    second = tuning_for("cut", **sections)
    second.run()
    for name in ("weights.safetensors", CHECKPOINT):
        one, two = (load_file(tmp_path / run / name) for run in ("whole", "cut"))
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)
    assert history_without_times(whole.trainer) == history_without_times(second.trainer)
    assert {path.name for path in (tmp_path / "cut").iterdir()} == {path.name for path in whole.job.folder.iterdir()}


def test_file_that_cannot_be_written_is_one_line(
    tuning_for: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(**_: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(frozen, "MEMORY", 0)
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(OutputError, match=r"\A[^\n]*run: cannot be written: no space left on device\Z"):
        tuning_for().run()


def test_layers_that_are_not_frozen_cannot_be_unfrozen(tuning_for: Make) -> None:
    with pytest.raises(ConfigError, match=r"unfreeze_after: got 0.5 with encoder.freeze_layers = 0, which freezes no"):
        tuning_for(freeze=0, encoder={"unfreeze_after": 0.5})


def test_more_layers_than_there_are_is_one_line(tuning_for: Make) -> None:
    with pytest.raises(ConfigError, match=r"encoder.freeze_layers: got 4; expected at most 3, the layers of this"):
        tuning_for(freeze=4)


def test_layers_that_share_their_weights_are_refused(
    tiny_encoder: Callable[[str], Path], tuning_for: Make, tmp_path: Path
) -> None:
    encoder = {"name": str(tiny.other("albert", tiny_encoder("mbert").parent, tmp_path / "albert"))}
    with pytest.raises(ConfigError, match=r"layers share their weights. Fix: encoder.freeze_layers = 0"):
        tuning_for(encoder=encoder)
