"""Checkpoints: whole or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from coner.core.errors import ModelError
from coner.families.encoder.training.checkpoint import (
    Checkpoint,
    Trained,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    write_checkpoint,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    tensors = {"model.a": torch.randn(3), "random.cpu": torch.get_rng_state()}
    write_checkpoint(path, Checkpoint(tensors, {"epoch": 3, "history": [{"loss": 0.1}]}))
    read = read_checkpoint(path)
    assert read.state == {"epoch": 3, "history": [{"loss": 0.1}]}
    assert all(torch.equal(read.tensors[name], value) for name, value in tensors.items())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_cut_checkpoint_is_one_clear_line(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, Checkpoint({"a": torch.randn(100)}, {}))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="not a whole checkpoint") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_an_optimizer_goes_on_as_if_nothing_had_happened() -> None:
    def steps(module: torch.nn.Module, optimizer: torch.optim.Optimizer, count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            module(torch.ones(1, 3)).square().sum().backward()
            optimizer.step()

    def fresh() -> tuple[torch.nn.Linear, torch.optim.Optimizer, dict[torch.Tensor, str]]:
        torch.manual_seed(0)
        module = torch.nn.Linear(3, 3)
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, fused=True)
        return module, optimizer, {p: n for n, p in module.named_parameters()}

    straight, optimizer, _ = fresh()
    steps(straight, optimizer, 5)
    first, optimizer, names = fresh()
    steps(first, optimizer, 3)
    kept = {name: value.clone() for name, value in optimizer_tensors(optimizer, names).items()}
    second, again, names = fresh()
    second.load_state_dict(first.state_dict())
    restore_optimizer(again, names, kept)
    steps(second, again, 2)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), second.parameters(), strict=True))


def test_what_a_processor_began_goes_on_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    module = torch.nn.Linear(3, 3)
    names = {p: n for n, p in module.named_parameters()}
    optimizer = torch.optim.AdamW(module.parameters())
    given: list[torch.Tensor] = []
    monkeypatch.setattr(torch.cuda, "set_rng_state", given.append)
    kept = Trained(module, optimizer, names, torch.device("cpu")).tensors()
    device = Trained(module, optimizer, names, torch.device("cuda"))
    device.restore(kept)
    assert given == []
    device.restore({**kept, "random.cuda": kept["random.cpu"]})
    assert len(given) == 1
