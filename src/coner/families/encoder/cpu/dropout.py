"""Dropout from sixteen random bits per element.

On a CPU PyTorch draws one random number per element, at several times the cost of the multiplication. Here one 64-bit
number serves four elements, so a probability is rounded to a multiple of 1/65536, and elements are dropped by a bit
mask. The numbers come from NumPy's fastest generator, seeded by PyTorch's: a seed of PyTorch, or its saved state,
reproduces them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

STEPS = 1 << 16  # values of sixteen bits
INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by the bytes of an element


def dropout(values: Tensor, p: float) -> Tensor:
    """Zero each element with probability ``p`` (to the nearest 1/65536) and scale up the others; on the CPU."""
    dropped = round(p * STEPS)
    if dropped in (0, STEPS):
        return values if dropped == 0 else values * 0
    result: Tensor = _Dropout.apply(values, dropped)  # type: ignore[no-untyped-call]
    return result


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, dropped: int) -> Tensor:
        # The signed integers start at -STEPS / 2. In place: 1 if kept, else 0; then all bits set, or none.
        kept = _random_bits(values.numel()).ge_(dropped - STEPS // 2).neg_().view(values.shape)
        ctx.save_for_backward(kept)
        ctx.scale = STEPS / (STEPS - dropped)
        return _mask(values, kept, ctx.scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (kept,) = ctx.saved_tensors
        return _mask(upstream, kept, ctx.scale), None


def _random_bits(count: int) -> Tensor:  # int16
    seed = int(torch.randint(2**63 - 1, ()))
    numbers = np.random.SFC64(seed).random_raw(-(-count // 4))
    return torch.from_numpy(numbers.view(np.int16))[:count]


def _mask(values: Tensor, kept: Tensor, scale: float) -> Tensor:
    width = INTEGERS[values.element_size()]
    return (values.view(width) & kept.to(width)).view(values.dtype).mul_(scale)


def attention(  # noqa: PLR0917 (the signature is PyTorch's)
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **options: Any,
) -> Tensor:
    """``scaled_dot_product_attention`` with this dropout; PyTorch's is slow on a CPU."""
    if dropout_p == 0 or is_causal or options.get("enable_gqa"):
        return F.scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, **options)
    device, scale = query.device.type, options.get("scale")
    if torch.is_autocast_enabled(device):
        query, key, value = (x.to(torch.get_autocast_dtype(device)) for x in (query, key, value))
    # Scores and softmax in float32: the softmax of short rows takes several times as long in bfloat16.
    exact = torch.promote_types(query.dtype, torch.float32)
    with torch.autocast(device, enabled=False):
        scaled = query * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
        scores = scaled @ key.contiguous().transpose(-2, -1)  # the product would copy the transposed view
        if attn_mask is not None:
            mask = torch.where(attn_mask, 0.0, -torch.inf) if attn_mask.dtype == torch.bool else attn_mask
            scores = scores + mask.to(exact)
        weights = scores.softmax(-1, dtype=exact).to(value.dtype)
        return dropout(weights, dropout_p) @ value


class FastDropout(TorchFunctionMode):
    """Context in which every call of PyTorch's dropout, by any model, uses this one."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return REPLACEMENTS.get(func, func)(*args, **(kwargs or {}))


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    if not training:
        return input
    dropped = dropout(input, p)
    return input.copy_(dropped) if inplace else dropped


REPLACEMENTS: dict[Any, Callable[..., Any]] = {F.dropout: _dropout, F.scaled_dot_product_attention: attention}
