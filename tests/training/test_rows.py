"""AdamW by row: equal to AdamW where every row is used, and rows that are not used stand still."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from coner.training.rows import RowAdamW, clip_gradients, use_row_gradients


def embedding() -> nn.Embedding:
    torch.manual_seed(1)
    return nn.Embedding(10, 4)


def loss(table: nn.Embedding, ids: list[int], target: float) -> torch.Tensor:
    return ((table(torch.tensor(ids)) - target) ** 2).sum()


def trained(table: nn.Embedding, optimizer: torch.optim.Optimizer, batches: list[list[list[int]]]) -> torch.Tensor:
    """The weights after one step a batch, each of several passes."""
    for step, passes in enumerate(batches):
        for ids in passes:
            loss(table, ids, step / 3).backward()  # type: ignore[no-untyped-call]
        clip_gradients(table.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return table.weight.detach()


def options(table: nn.Embedding, decay: float) -> list[dict[str, object]]:
    return [{"params": list(table.parameters()), "lr": 0.05, "weight_decay": decay}]


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_where_every_batch_uses_every_row_it_is_adamw(decay: float) -> None:
    every = list(range(10))
    batches = [[[*every, 3, 3], [5]], [every], [every[::-1], every]]
    plain, rows = embedding(), embedding()
    assert use_row_gradients(rows)
    expected = trained(plain, torch.optim.AdamW(options(plain, decay)), batches)
    found = trained(rows, RowAdamW(options(rows, decay)), batches)
    torch.testing.assert_close(found, expected)


def test_dense_gradients_get_plain_adamw() -> None:
    plain, same = embedding(), embedding()
    batches = [[[1, 2]], [[3]]]
    expected = trained(plain, torch.optim.AdamW(options(plain, 0.1), fused=True), batches)
    assert torch.equal(trained(same, RowAdamW(options(same, 0.1)), batches), expected)


def test_rows_that_are_not_used_stand_still() -> None:
    table = embedding()
    before = table.weight.detach().clone()
    assert use_row_gradients(table)
    after = trained(table, RowAdamW(options(table, 0.5)), [[[1, 2]], [[2, 4]], [[2]]])
    changed = (before != after).any(1).nonzero().flatten().tolist()
    assert changed == [1, 2, 4]


def test_clipping_is_pytorchs_own() -> None:
    by_row, dense = embedding(), embedding()
    assert use_row_gradients(by_row)
    for table in (by_row, dense):
        loss(table, [1, 1, 7], 5.0).backward()  # type: ignore[no-untyped-call]
        loss(table, [7, 2], 5.0).backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(dense.parameters(), 0.5)
    assert torch.allclose(clip_gradients(by_row.parameters(), 0.5), norm)
    assert by_row.weight.grad is not None
    assert dense.weight.grad is not None
    torch.testing.assert_close(by_row.weight.grad.to_dense(), dense.weight.grad)


def test_small_gradients_are_not_scaled() -> None:
    table = embedding()
    loss(table, [1], 0.0).backward()  # type: ignore[no-untyped-call]
    assert table.weight.grad is not None
    before = table.weight.grad.clone()
    clip_gradients(table.parameters(), 1e6)
    assert torch.equal(table.weight.grad, before)


def test_what_has_no_plain_rows_is_refused() -> None:
    frozen = embedding().requires_grad_(requires_grad=False)
    assert not use_row_gradients(frozen)
    assert not use_row_gradients(nn.Linear(3, 3))
    assert not use_row_gradients(nn.Embedding(3, 3, max_norm=1.0))
