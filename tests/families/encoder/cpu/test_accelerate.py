"""Accelerated passes: layers compute with bfloat16 copies of the weights, and the trained weights stay unchanged."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pretrained import load_encoder
from coner.families.encoder.cpu.accelerate import accelerated
from helpers import tiny

HALF = torch.bfloat16


def load(folder: Path) -> tuple[Any, Callable[[int], Batch]]:
    """An encoder without dropout, and batches for it."""
    encoder, tokenizer = load_encoder(str(folder))
    maker = PieceMaker(tokenizer, limit=piece_limit(encoder.config))

    def batch(size: int) -> Batch:
        return collate(maker([["the", "rhine", "flows"][: 1 + i % 3] for i in range(size)]), maker)

    return encoder.eval(), batch


def run(encoder: Any, batch: Batch) -> Tensor:
    states: Tensor = encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    return states


def dtypes(encoder: nn.Module) -> set[torch.dtype]:
    return {
        tensor.dtype for module in encoder.modules() for tensor in module._parameters.values() if tensor is not None
    }


@pytest.mark.parametrize("architecture", sorted(tiny.MAKERS))
def test_layers_are_in_bfloat16_within_the_context_and_weights_unchanged_after_it(
    architecture: str, tiny_encoder: Callable[[str], Path]
) -> None:
    encoder, batch = load(tiny_encoder(architecture))
    before = {name: weight.clone() for name, weight in encoder.named_parameters()}
    with accelerated(encoder, HALF):
        assert dtypes(encoder) == {torch.float32, HALF}
        states = run(encoder, batch(3))
    assert states.dtype == HALF
    assert all(torch.equal(weight, before[name]) for name, weight in encoder.named_parameters())
    with pytest.raises(ZeroDivisionError), accelerated(encoder, HALF):
        raise ZeroDivisionError
    assert dtypes(encoder) == {torch.float32}
    assert not encoder.embeddings._forward_hooks
    with torch.no_grad():
        assert torch.allclose(states.detach().float(), run(encoder, batch(3)), atol=0.1)


def test_parallel_passes_over_one_copy_equal_single_ones(tiny_encoder: Callable[[str], Path]) -> None:
    encoder, batch = load(tiny_encoder("mbert"))
    batches = [batch(size) for size in (1, 2, 5, 9) * 5]

    def states(one: Batch) -> Tensor:
        with torch.no_grad():
            return run(encoder, one)

    with ThreadPoolExecutor(4) as pool, accelerated(encoder, HALF):
        parallel = list(pool.map(states, batches))
    for one, expected in zip(batches, parallel, strict=True):
        with accelerated(encoder, HALF):
            assert torch.equal(states(one), expected)


def test_gradients_reach_the_weights(tiny_encoder: Callable[[str], Path]) -> None:
    encoder, batch = load(tiny_encoder("mbert"))
    batches = [batch(size) for size in (2, 3)]

    def gradient(passes: Callable[[], list[Tensor]]) -> Tensor:
        encoder.zero_grad()
        sum(states.float().pow(3).sum() for states in passes()).backward()
        assert {weight.grad.dtype for weight in encoder.parameters() if weight.grad is not None} == {torch.float32}
        return torch.cat([weight.grad.flatten() for weight in encoder.parameters() if weight.grad is not None])

    def separate() -> list[Tensor]:
        states = []
        for one in batches:
            with accelerated(encoder, HALF):
                states.append(run(encoder, one))
        return states

    def shared() -> list[Tensor]:
        with accelerated(encoder, HALF):
            return [run(encoder, one) for one in batches]

    exact = gradient(lambda: [run(encoder, one) for one in batches])
    assert (gradient(shared) - gradient(separate)).norm() < 0.01 * exact.norm()  # another order of sums
    assert (gradient(shared) - exact).norm() < 0.05 * exact.norm()


def test_encoders_without_embeddings_run_under_autocast_and_nothing_else_does(
    tiny_encoder: Callable[[str], Path],
) -> None:
    encoder, batch = load(tiny_encoder("mbert"))
    encoder.embedder = encoder._modules.pop("embeddings")  # an architecture with other names
    forward = type(encoder).forward

    class Renamed(type(encoder)):  # type: ignore[misc]
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            self.under_autocast = torch.is_autocast_enabled("cpu")
            self._modules["embeddings"] = self.embedder
            try:
                return forward(self, *args, **kwargs)
            finally:
                del self._modules["embeddings"]

    encoder.__class__ = Renamed
    with accelerated(encoder, HALF):
        run(encoder, batch(2))
        assert not torch.is_autocast_enabled("cpu")
    assert encoder.under_autocast
    run(encoder, batch(2))
    assert not encoder.under_autocast
