"""All that makes the passes of an encoder fast, behind one context manager; the results keep their meaning.

Passes outside of it are correct too: slower, and in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from coner.families.encoder.cpu.bfloat16 import LoweredWeights, can_lower, layer_precision, lowered
from coner.families.encoder.cpu.dropout import FastDropout


@contextmanager
def accelerated(encoder: nn.Module, precision: torch.dtype, *, weights: LoweredWeights | None = None) -> Iterator[None]:
    """Within it an encoder computes in ``precision``, what follows it in float32, and dropout is fast on a CPU.

    One thread at a time may enter it with the same encoder; passes within it may run in several threads.

    Args:
        encoder: a pretrained model of transformers.
        precision: of the layers; on a CPU over copies of the weights, which all passes within share, elsewhere by
            autocast.
        weights: copies to keep for the next time; by default they are made for this time.
    """
    device = next(encoder.parameters()).device
    with ExitStack() as stack:
        if layer_precision(encoder) != precision:
            if can_lower(encoder, device):
                stack.enter_context(lowered(encoder, precision, weights or LoweredWeights(encoder, precision)))
            else:
                stack.enter_context(_autocast(encoder, device.type, precision))
        if encoder.training and device.type == "cpu":
            stack.enter_context(FastDropout())
        yield


@contextmanager
def _autocast(encoder: nn.Module, device: str, precision: torch.dtype) -> Iterator[None]:
    """Within it only the encoder's own forward pass is under autocast."""
    forward: Callable[..., Any] = encoder.forward

    def run(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device, precision):
            return forward(*args, **kwargs)

    encoder.forward = run
    try:
        yield
    finally:
        del encoder.forward
