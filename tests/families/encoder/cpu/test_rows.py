"""AdamW by row: equal to AdamW if every row is used; unused rows stay unchanged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from coner.core.errors import ConfigError
from coner.families.encoder.cpu.rows import RowAdamW, set_embeddings


def embedding() -> nn.Embedding:
    torch.manual_seed(1)
    return nn.Embedding(10, 4)


class Encoder:
    """Has word embeddings."""

    def __init__(self, embeddings: nn.Module) -> None:
        self.get_input_embeddings = lambda: embeddings


def by_row(table: nn.Embedding) -> nn.Embedding:
    set_embeddings(Encoder(table), "rows")
    return table


def loss(table: nn.Embedding, ids: list[int], target: float) -> torch.Tensor:
    return ((table(torch.tensor(ids)) - target) ** 2).sum()


def trained(
    table: nn.Embedding, optimizer: torch.optim.Optimizer, batches: list[list[list[int]]], maximum: float = 1.0
) -> torch.Tensor:
    """The weights after one step per batch, each of several passes, gradients clipped to a norm; 0: no clipping."""
    for step, passes in enumerate(batches):
        for ids in passes:
            loss(table, ids, step / 3).backward()  # type: ignore[no-untyped-call]
        if maximum and isinstance(optimizer, RowAdamW):
            optimizer.clip(maximum)
        elif maximum:
            torch.nn.utils.clip_grad_norm_(table.parameters(), maximum)
        optimizer.step()
        optimizer.zero_grad()
    return table.weight.detach()


def options(table: nn.Embedding, decay: float) -> list[dict[str, object]]:
    return [{"params": list(table.parameters()), "lr": 0.05, "weight_decay": decay}]


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_equals_adamw_if_every_batch_uses_every_row(decay: float) -> None:
    every = list(range(10))
    batches = [[[*every, 3, 3], [5]], [every], [every[::-1], every]]
    plain, rows = embedding(), by_row(embedding())
    expected = trained(plain, torch.optim.AdamW(options(plain, decay)), batches)
    found = trained(rows, RowAdamW(options(rows, decay)), batches)
    torch.testing.assert_close(found, expected)


def test_dense_gradients_use_plain_adamw() -> None:
    plain, same = embedding(), embedding()
    batches = [[[1, 2]], [[3]]]
    expected = trained(plain, torch.optim.AdamW(options(plain, 0.1), fused=True), batches, maximum=0)
    assert torch.equal(trained(same, RowAdamW(options(same, 0.1)), batches, maximum=0), expected)


def test_unused_rows_stay_unchanged() -> None:
    table = by_row(embedding())
    before = table.weight.detach().clone()
    after = trained(table, RowAdamW(options(table, 0.5)), [[[1, 2]], [[2, 4]], [[2]]])
    changed = (before != after).any(1).nonzero().flatten().tolist()
    assert changed == [1, 2, 4]


def change(table: nn.Embedding, optimizer: torch.optim.Optimizer, clip: Callable[[], object]) -> torch.Tensor:
    """The change of each weight in one step after several passes."""
    before = table.weight.detach().clone()
    loss(table, [1, 1, 7], 5.0).backward()  # type: ignore[no-untyped-call]
    loss(table, [7, 2], 5.0).backward()  # type: ignore[no-untyped-call]
    clip()
    optimizer.step()
    return table.weight.detach() - before


def slow(table: nn.Embedding) -> list[dict[str, object]]:
    """Options with a large epsilon, without which an update hardly depends on the scale of the gradients."""
    return [{**options(table, 0.0)[0], "eps": 0.1}]


@pytest.mark.parametrize("sparse", [False, True])
def test_clipping_equals_that_of_pytorch(*, sparse: bool) -> None:
    plain, table, free = embedding(), embedding(), embedding()
    table.sparse = sparse
    norms = []
    adam, ours, unclipped = torch.optim.AdamW(slow(plain)), RowAdamW(slow(table)), RowAdamW(slow(free))
    expected = change(plain, adam, lambda: norms.append(torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.05)))
    found = change(table, ours, lambda: norms.append(ours.clip(0.05)))
    torch.testing.assert_close(found, expected)
    assert float(norms[1]) == pytest.approx(float(norms[0]))
    assert not torch.allclose(found, change(free, unclipped, lambda: None))


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])  # scaled by the update, and before it
def test_norm_is_over_all_parameters_of_all_groups(precision: torch.dtype) -> None:
    def step(*, ours: bool) -> tuple[float, list[torch.Tensor]]:
        torch.manual_seed(1)
        table, layer = nn.Embedding(10, 4).to(precision), nn.Linear(4, 2).to(precision)
        table.sparse = ours
        groups = [{**slow(table)[0]}, {"params": list(layer.parameters()), "lr": 0.01, "eps": 0.1}]
        optimizer = RowAdamW(groups) if ours else torch.optim.AdamW(groups)
        (layer(table(torch.tensor([1, 1, 7]))) ** 2).sum().backward()
        every = [*table.parameters(), *layer.parameters()]
        norm = optimizer.clip(0.05) if isinstance(optimizer, RowAdamW) else nn.utils.clip_grad_norm_(every, 0.05)
        optimizer.step()
        return float(norm), [parameter.detach()[1:2] for parameter in every]

    (norm, found), (expected_norm, expected) = step(ours=True), step(ours=False)
    assert norm == pytest.approx(expected_norm)
    assert norm > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_norm_without_gradients_is_zero() -> None:
    table = embedding()
    assert float(RowAdamW(options(table, 0.0)).clip(1.0)) == 0


def test_small_gradients_are_not_scaled() -> None:
    table, free = embedding(), embedding()
    ours, unclipped = RowAdamW(slow(table)), RowAdamW(slow(free))
    assert torch.equal(change(table, ours, lambda: ours.clip(1e6)), change(free, unclipped, lambda: None))


def test_scale_applies_to_one_update() -> None:
    table = embedding()
    optimizer = RowAdamW(options(table, 0.0))
    loss(table, [1], 5.0).backward()  # type: ignore[no-untyped-call]
    optimizer.clip(0.01)
    assert optimizer.grad_scale is not None
    optimizer.step()
    assert optimizer.grad_scale is None


@pytest.mark.parametrize("table", [nn.Linear(3, 3), nn.Embedding(3, 3, max_norm=1.0)], ids=["linear", "max-norm"])
def test_rows_need_a_plain_matrix(table: nn.Module) -> None:
    with pytest.raises(ConfigError, match=r'encoder.embeddings: got "rows" .* expected "all"'):
        set_embeddings(Encoder(table), "rows")


def test_frozen_embeddings_have_no_gradient() -> None:
    table = embedding()
    set_embeddings(Encoder(table), "frozen")
    assert not table.weight.requires_grad
