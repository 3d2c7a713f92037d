"""Compute the last layer of an encoder only where its output is read, such as at the first piece of each word.

Queries, keys and values are those of all pieces, so the results are the same. What follows the attention (its output,
the feed-forward block, normalisation, three quarters of a layer) is computed for the rows that are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Selection:
    """Rows of the last layer's output that are read, as indices into R*P; ``applied`` once the others are left out."""

    rows: Tensor | None
    applied: bool = False


_SELECTION: ContextVar[Selection | None] = ContextVar("selection", default=None)  # passes run in several threads


@contextmanager
def last_layer_at(rows: Tensor | None) -> Iterator[Selection]:
    """Context in which the last layer of a prepared encoder may return 1 x N x H instead of R x P x H."""
    selection = Selection(rows)
    token = _SELECTION.set(selection)
    try:
        yield selection
    finally:
        _SELECTION.reset(token)


def prepare(encoder: Any) -> None:
    """Let an encoder with layers like BERT's select rows; others compute all of them."""
    layers: Any = getattr(getattr(encoder, "encoder", None), "layer", ())
    output = getattr(getattr(layers[-1], "attention", None), "output", None) if len(layers) > 1 else None
    if isinstance(output, nn.Module):  # of DeBERTa, a convolution over pieces follows the first layer
        output.register_forward_pre_hook(_select)


def _select(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    selection = _SELECTION.get()
    # In bfloat16, oneDNN would prepare its products for each number of words.
    if selection is None or selection.rows is None or selection.applied or inputs[0].dtype != torch.float32:
        return None
    selection.applied = True
    return tuple(values.flatten(0, 1)[selection.rows][None] for values in inputs)
