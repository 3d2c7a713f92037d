"""Averaged weights, and training on perturbed word embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from coner.core.errors import ConfigError
from coner.core.progress import Log
from coner.data import Corpus
from coner.data.split import Split
from coner.data.splits import Inputs
from coner.data.taxonomy import load_taxonomy
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.adversarial import perturbed
from coner.families.encoder.training.averaging import AveragedWeights
from coner.families.encoder.training.fine_tuning import FineTuning
from coner.families.recipe import Training
from coner.families.settings import parse_experiment
from coner.records.record import read_record
from helpers import ROOT
from helpers.tiny_training import RATES, PowerCut, cut_before, history_without_times, record_norms, tuning_of

Make = Callable[..., FineTuning]


@pytest.fixture
def tuning_for(settings_for: Callable[..., Any], tmp_path: Path) -> Make:
    def make(folder: str = "run", *, encoder: dict[str, Any] | None = None, **train: Any) -> FineTuning:
        train = {"epochs": 3, "batch": 4, "groups": RATES, **train}
        return tuning_of(settings_for(train=train, encoder=encoder or {}), tmp_path / folder)

    return make


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=30), st.floats(0.01, 0.999))
def test_average_is_the_weighted_sum_of_all_weights(values: list[float], decay: float) -> None:
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    averaged, shares = AveragedWeights([weight], decay), [(0.0, 1.0)]
    for step, value in enumerate(values, start=1):
        with torch.no_grad():
            weight.fill_(value)
        averaged.update(step)
        kept = min(decay, (1 + step) / (10 + step))
        shares = [(v, share * kept) for v, share in shares] + [(value, 1 - kept)]
    with averaged.applied():
        assert float(weight.detach()) == pytest.approx(sum(v * share for v, share in shares), abs=1e-9)
    assert float(weight.detach()) == values[-1]


@pytest.mark.parametrize("sparse", [False, True])
def test_embeddings_move_along_their_gradient_by_the_given_length_and_back(sparse: bool) -> None:
    torch.manual_seed(1)
    table = nn.Embedding(9, 4, sparse=sparse)
    before = table.weight.detach().clone()
    target = torch.randn(4)

    def loss() -> torch.Tensor:
        return ((table(torch.tensor([2, 5, 2])) - target) ** 2).sum()

    loss().backward()
    gradient = table.weight.grad.to_dense().clone()
    with perturbed(table, 0.25) as is_moved:
        assert is_moved
        moved = table.weight.detach() - before
        higher = float(loss().detach())
        loss().backward()
    assert torch.allclose(moved, 0.25 * gradient / gradient.norm(), atol=1e-6)
    assert float(moved.norm()) == pytest.approx(0.25, rel=1e-4)
    assert higher > float(loss().detach())
    assert torch.equal(table.weight, before)  # to the last bit
    assert not torch.allclose(table.weight.grad.to_dense(), gradient)  # the second gradient was added


def test_embeddings_without_a_gradient_stay() -> None:
    table = nn.Embedding(3, 2)
    before = table.weight.detach().clone()
    with perturbed(table, 1.0) as is_moved:
        assert torch.equal(table.weight, before)
    assert not is_moved
    table.weight.grad = torch.zeros_like(before)
    with perturbed(table, 1.0) as is_moved:
        assert torch.equal(table.weight, before)
    assert not is_moved


@pytest.mark.parametrize("option", [{"average": 0.9}, {"adversarial": 0.5}])
def test_each_option_changes_the_trained_model(tuning_for: Make, tmp_path: Path, option: dict[str, float]) -> None:
    for folder, train in (("plain", {}), ("option", option)):
        tuning_for(folder, **train).run()
    plain, changed = (load_file(tmp_path / folder / "weights.safetensors") for folder in ("plain", "option"))
    assert any(not torch.equal(plain[name], changed[name]) for name in plain)


def test_while_the_encoder_does_not_train_there_is_no_second_pass(tuning_for: Make) -> None:
    norms = []
    for folder, train in (("plain", {}), ("perturbed", {"adversarial": 0.5})):
        trainer = tuning_for(folder, epochs=2, **train).trainer
        first = {name: 1 for name in trainer.names.values() if name.startswith("encoder.")}
        trainer.schedule = replace(trainer.schedule, first_epochs=first)
        norms.append(record_norms(trainer))
        trainer.run(Log())
    assert norms[0][: trainer.steps] == norms[1][: trainer.steps]
    assert norms[0][trainer.steps] != norms[1][trainer.steps]


@pytest.mark.parametrize("embeddings", ["all", "rows"])
def test_interrupted_run_equals_an_uninterrupted_one(tuning_for: Make, tmp_path: Path, embeddings: str) -> None:
    train = {"average": 0.9, "adversarial": 0.5, "checkpoint_minutes": 1e-9, "encoder": {"embeddings": embeddings}}
    whole = tuning_for("whole", **train)
    whole.run()
    first = tuning_for("cut", **train)
    cut_before(first.trainer, steps=4)
    with pytest.raises(PowerCut):
        first.run()
    second = tuning_for("cut", **train)
    second.run()
    whole_state, cut_state = (load_file(tmp_path / name / CHECKPOINT) for name in ("whole", "cut"))
    assert whole_state.keys() == cut_state.keys()
    assert all(torch.equal(whole_state[name], cut_state[name]) for name in whole_state)
    assert history_without_times(whole.trainer) == history_without_times(second.trainer)


def test_the_averaged_weights_are_evaluated_and_saved(tuning_for: Make, tmp_path: Path) -> None:
    tuning = tuning_for(average=0.9, epochs=1)
    trainer, seen = tuning.trainer, list[dict[str, torch.Tensor]]()
    score = trainer.evaluate

    def evaluate() -> Any:
        seen.append({name: value.clone() for name, value in trainer.model.state_dict().items()})
        return score()

    trainer.evaluate = evaluate
    tuning.run()
    checkpoint = load_file(tmp_path / "run" / CHECKPOINT)
    averages = {key.removeprefix("average."): value for key, value in checkpoint.items() if key.startswith("average.")}
    assert averages
    assert all(torch.equal(seen[0][name], value) for name, value in averages.items())
    assert any(not torch.equal(checkpoint[f"model.{name}"], value) for name, value in averages.items())
    assert all(torch.equal(tuning.tagger.network.state_dict()[name], value) for name, value in averages.items())


@pytest.mark.parametrize("encoder", [{"embeddings": "frozen"}, {"freeze_layers": 1}])
def test_frozen_embeddings_cannot_be_perturbed(tuning_for: Make, encoder: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"train\.adversarial: got frozen word embeddings"):
        tuning_for(adversarial=1.0, encoder=encoder)


def test_a_run_of_the_version_without_these_options_is_recognised() -> None:
    record = read_record(ROOT / "results/partial-labels/alone.json")
    assert "average" not in record.settings["train"]
    splits = {name: Split(Corpus((), Path(name)), of.sha256) for name, of in record.data.items()}
    inputs = Inputs(splits, load_taxonomy("multiconer2"))

    def fingerprint(consistency: float = 0.0, **train: float) -> str:
        head = {**record.settings["head"], "consistency": consistency}
        values = {**record.settings, "head": head, "train": {**record.settings["train"], **train}}
        return Training(parse_experiment(values)).fingerprint(inputs)

    assert fingerprint() == fingerprint(average=0.0, adversarial=0.0) == record.fingerprint
    assert len({fingerprint(), fingerprint(1.0), fingerprint(average=0.9), fingerprint(adversarial=1.0)}) == 4
