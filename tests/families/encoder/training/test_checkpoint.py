"""Checkpoints: complete, or an error."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from coner.core.errors import ModelError
from coner.families.encoder.training.checkpoint import Checkpoint, TrainingState, read_checkpoint, write_checkpoint


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    tensors = {"model.a": torch.randn(3), "random.cpu": torch.get_rng_state()}
    write_checkpoint(path, Checkpoint(tensors, {"epoch": 3, "history": [{"loss": 0.1}]}))
    read = read_checkpoint(path)
    assert read.state == {"epoch": 3, "history": [{"loss": 0.1}]}
    assert all(torch.equal(read.tensors[name], value) for name, value in tensors.items())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated_checkpoint_is_one_line(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, Checkpoint({"a": torch.randn(100)}, {}))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="not a complete checkpoint") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_restored_optimizer_continues_exactly() -> None:
    def steps(module: torch.nn.Module, optimizer: torch.optim.Optimizer, count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            module(torch.ones(1, 3)).square().sum().backward()
            optimizer.step()

    def fresh() -> TrainingState:
        torch.manual_seed(0)
        module = torch.nn.Linear(3, 3)
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, fused=True)
        return TrainingState(module, optimizer, {p: n for n, p in module.named_parameters()}, torch.device("cpu"))

    whole, first, second = fresh(), fresh(), fresh()
    steps(whole.model, whole.optimizer, 5)
    steps(first.model, first.optimizer, 3)
    second.restore({name: value.clone() for name, value in first.tensors().items()})
    steps(second.model, second.optimizer, 2)
    assert all(torch.equal(a, b) for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True))


def test_run_from_a_cpu_resumes_on_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    module = torch.nn.Linear(3, 3)
    names = {p: n for n, p in module.named_parameters()}
    optimizer = torch.optim.AdamW(module.parameters())
    states: list[torch.Tensor] = []
    monkeypatch.setattr(torch.cuda, "set_rng_state", states.append)
    tensors = TrainingState(module, optimizer, names, torch.device("cpu")).tensors()
    device = TrainingState(module, optimizer, names, torch.device("cuda"))
    device.restore(tensors)
    assert states == []
    device.restore({**tensors, "random.cuda": tensors["random.cpu"]})
    assert len(states) == 1
