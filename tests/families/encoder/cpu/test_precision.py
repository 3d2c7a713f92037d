"""The encoder's layers in bfloat16: over copies, for as long as some work takes, the trained weights left alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pretrained import load_encoder
from coner.families.encoder.cpu.precision import run_encoder, with_lowered
from helpers import tiny

CPU, HALF = torch.device("cpu"), torch.bfloat16


def made(folder: Path) -> tuple[Any, Callable[[int], Batch]]:
    """An encoder without dropout, and batches for it."""
    encoder, tokenizer = load_encoder(str(folder))
    maker = PieceMaker(tokenizer, limit=piece_limit(encoder.config))

    def batch(size: int) -> Batch:
        return collate(maker([["the", "rhine", "flows"][: 1 + i % 3] for i in range(size)]), maker)

    return encoder.eval(), batch


def dtypes(encoder: nn.Module) -> set[torch.dtype]:
    return {
        tensor.dtype for module in encoder.modules() for tensor in module._parameters.values() if tensor is not None
    }


@pytest.mark.parametrize("architecture", sorted(tiny.MAKERS))
def test_work_sees_lowered_layers_and_leaves_weights_as_they_were(
    architecture: str, tiny_encoder: Callable[[str], Path]
) -> None:
    encoder, batch = made(tiny_encoder(architecture))
    before = {name: weight.clone() for name, weight in encoder.named_parameters()}
    inside, states = with_lowered(
        encoder, HALF, CPU, lambda: (dtypes(encoder), run_encoder(encoder, batch(3), HALF).last_hidden_state)
    )
    assert inside == {torch.float32, HALF}
    assert states.dtype == HALF
    assert all(torch.equal(weight, before[name]) for name, weight in encoder.named_parameters())
    with pytest.raises(ZeroDivisionError):
        with_lowered(encoder, HALF, CPU, lambda: 1 // 0)
    assert dtypes(encoder) == {torch.float32}
    assert not encoder.embeddings._forward_hooks
    with torch.no_grad():
        exact = run_encoder(encoder, batch(3), torch.float32).last_hidden_state
    assert torch.allclose(states.detach().float(), exact, atol=0.1)


def test_passes_of_several_threads_over_one_copy_are_those_made_one_by_one(tiny_encoder: Callable[[str], Path]) -> None:
    encoder, batch = made(tiny_encoder("mbert"))
    batches = [batch(size) for size in (1, 2, 5, 9) * 5]

    def states(some: Batch) -> Tensor:
        with torch.no_grad():
            found: Tensor = run_encoder(encoder, some, HALF).last_hidden_state
            return found

    with ThreadPoolExecutor(4) as pool:
        found = with_lowered(encoder, HALF, CPU, lambda: list(pool.map(states, batches)))
    assert all(torch.equal(some, states(one)) for some, one in zip(found, batches, strict=True))


def test_gradients_reach_the_weights_themselves(tiny_encoder: Callable[[str], Path]) -> None:
    encoder, batch = made(tiny_encoder("mbert"))

    def gradient(run: Callable[[], Any]) -> Tensor:
        encoder.zero_grad()
        states = run()
        sum(one.last_hidden_state.float().pow(3).sum() for one in states).backward()
        assert {weight.grad.dtype for weight in encoder.parameters() if weight.grad is not None} == {torch.float32}
        return torch.cat([weight.grad.flatten() for weight in encoder.parameters() if weight.grad is not None])

    passes = [partial(run_encoder, encoder, batch(size), HALF) for size in (2, 3)]
    apart = gradient(lambda: [run() for run in passes])
    shared = gradient(lambda: with_lowered(encoder, HALF, CPU, lambda: [run() for run in passes]))
    exact = gradient(lambda: [run_encoder(encoder, batch(size), torch.float32) for size in (2, 3)])
    assert (shared - apart).norm() < 0.01 * exact.norm()  # sums in another order
    assert (shared - exact).norm() < 0.05 * exact.norm()
