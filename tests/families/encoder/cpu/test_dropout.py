"""Dropout from sixteen bits: its rate, its gradient, and the results of PyTorch when nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from coner.families.encoder.cpu.dropout import FastDropout, attention, dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_rate_and_mean(p: float) -> None:
    torch.manual_seed(1)
    dropped = dropout(torch.ones(400_001), p)
    share = (dropped == 0).double().mean().item()
    assert share == pytest.approx(p, abs=0.004)  # five standard deviations of 400,001 draws
    kept = dropped[dropped != 0]
    assert kept.unique().tolist() == pytest.approx([1 / (1 - p)], rel=1e-4)


@pytest.mark.parametrize("dropped", [1, 6554, 32768, 65535])
def test_exact_rate_over_all_values_of_sixteen_bits(monkeypatch: pytest.MonkeyPatch, dropped: int) -> None:
    every = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int16)
    monkeypatch.setattr("coner.families.encoder.cpu.dropout._random_bits", lambda count: every[:count].clone())
    assert int((dropout(torch.ones(1 << 16), dropped / (1 << 16)) == 0).sum()) == dropped


def test_neighbours_are_dropped_independently() -> None:
    """Four elements share one random number."""
    torch.manual_seed(2)
    zero = (dropout(torch.ones(400_000), 0.5) == 0).double().view(-1, 4)
    together = torch.corrcoef(zero.T) - torch.eye(4)
    assert together.abs().max() < 0.02


@pytest.mark.parametrize("p", [0.0, 1e-9])
def test_rate_of_zero_changes_nothing(p: float) -> None:
    values = torch.randn(3, 5)
    assert torch.equal(dropout(values, p), values)


def test_rate_of_one_drops_everything() -> None:
    assert torch.equal(dropout(torch.ones(7), 1.0), torch.zeros(7))


def test_gradient_uses_the_same_mask() -> None:
    values = torch.randn(50, 3, requires_grad=True)
    dropped = dropout(values, 0.3)
    dropped.sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert torch.allclose(values.grad, (dropped / values).detach())


def test_seed_makes_it_reproducible() -> None:
    def draw() -> torch.Tensor:
        torch.manual_seed(7)
        return dropout(torch.ones(1000), 0.5)

    assert torch.equal(draw(), draw())


def with_bool_mask() -> torch.Tensor:
    mask = torch.ones(2, 1, 5, 5, dtype=torch.bool)
    mask[1, :, :, 3:] = False
    return mask


@pytest.mark.parametrize(
    "mask",
    [lambda: None, with_bool_mask, lambda: torch.randn(2, 1, 5, 5)],
    ids=["none", "bool", "float"],
)
@pytest.mark.parametrize("scale", [None, 0.7])
def test_attention_without_dropout_is_that_of_pytorch(
    mask: Callable[[], torch.Tensor | None], scale: float | None
) -> None:
    query, key, value = torch.randn(3, 2, 4, 5, 8)
    made = mask()
    expected = F.scaled_dot_product_attention(query, key, value, made, scale=scale)
    for p in (0.0, 1e-9):
        torch.testing.assert_close(attention(query, key, value, made, dropout_p=p, scale=scale), expected)


def test_attention_with_dropout_keeps_the_mean() -> None:
    torch.manual_seed(3)
    query, key, value = torch.randn(3, 1, 1, 6, 4)
    mean = torch.stack([attention(query, key, value, dropout_p=0.4) for _ in range(4000)]).mean(0)
    torch.testing.assert_close(mean, attention(query, key, value), atol=0.08, rtol=0)


def test_bfloat16_under_autocast() -> None:
    query, key, value = torch.randn(3, 2, 4, 5, 8)
    with torch.autocast("cpu", torch.bfloat16), FastDropout():
        found = F.scaled_dot_product_attention(query, key, value, dropout_p=1e-9)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), F.scaled_dot_product_attention(query, key, value), atol=0.05, rtol=0.05)


def test_attention_weights_are_computed_in_float32() -> None:
    torch.manual_seed(5)
    query, key = (8 * torch.randn(2, 1, 40, 16)).bfloat16()
    value = torch.eye(40, dtype=torch.bfloat16)[None]
    scores = (query * 0.25) @ key.transpose(-2, -1)
    mask = torch.randn(1, 40, 40) / 100  # lost if added to scores in bfloat16
    found = attention(query, key, value, mask, dropout_p=1e-9)
    expected = (scores.float() + mask).softmax(-1).bfloat16()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-30)  # the product makes 0 of the very smallest


def test_every_module_in_the_context_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drop = nn.Dropout(0.5)
    torch.manual_seed(1)
    with FastDropout():
        inside = drop(torch.ones(100))
    torch.manual_seed(1)
    assert torch.equal(inside, dropout(torch.ones(100), 0.5))
    with FastDropout():
        assert torch.equal(drop.eval()(torch.ones(100)), torch.ones(100))
        values = torch.ones(100)
        assert F.dropout(values, 0.5, inplace=True) is values
        assert (values == 0).any()
