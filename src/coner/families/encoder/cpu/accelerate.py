"""Fast passes of an encoder, behind one context manager: layers in bfloat16, and cheap dropout.

PyTorch's autocast converts the input of every matrix product to bfloat16 (that of query, key and value three times)
and computes everything between them in float32. On a CPU the layers therefore run in bfloat16 as a whole, on copies of
their weights; the weights that are trained stay in float32. The embeddings stay in float32 too, as a pass looks up few
of their rows. Elsewhere autocast does the work.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from coner.families.encoder.cpu.dropout import FastDropout

EMBEDDINGS = "embeddings"  # the first module of every encoder of transformers


@contextmanager
def accelerated(
    encoder: nn.Module, precision: torch.dtype, *, weights: LowPrecisionWeights | None = None
) -> Iterator[None]:
    """Context in which an encoder computes in ``precision``, later layers in float32, and dropout is fast on a CPU.

    One thread at a time may enter it with the same encoder; passes within it may run in several threads. ``weights``
    are copies to reuse in later contexts; by default they are made for this one.
    """
    device = next(encoder.parameters()).device.type
    has_embeddings = isinstance(getattr(encoder, EMBEDDINGS, None), nn.Module)
    with ExitStack() as stack:
        if next((weight.dtype for weight in _layer_weights(encoder)), torch.float32) != precision:
            if device == "cpu" and has_embeddings:
                stack.enter_context(_lowered(encoder, precision, weights or LowPrecisionWeights(encoder, precision)))
            else:
                stack.enter_context(_autocast(encoder, device, precision))
        if encoder.training and device == "cpu":
            stack.enter_context(FastDropout())
        yield


class LowPrecisionWeights:
    """Copies of the weights of an encoder's layers, renewed when the weights have changed."""

    def __init__(self, encoder: nn.Module, precision: torch.dtype) -> None:
        self._encoder, self._precision = encoder, precision
        self._versions: list[tuple[int, int]] = []
        self._copies: dict[Tensor, Tensor] = {}

    def __call__(self) -> Mapping[Tensor, Tensor]:
        """Each weight with its copy; gradients flow through the copies to the weights."""
        weights = list(_layer_weights(self._encoder))
        if any(weight.is_inference() for weight in weights):  # created in inference mode, without a version counter
            return {weight: weight.to(self._precision) for weight in weights}
        versions = [(weight.data_ptr(), weight._version) for weight in weights]
        if versions != self._versions:
            self._copies = {weight: weight.to(self._precision) for weight in weights}
            self._versions = versions
        return self._copies


def native_precision(requested: str, device: torch.device) -> torch.dtype:
    """The requested precision, ``bfloat16`` or ``float32``; for ``auto``, bfloat16 if the hardware has it."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device.type == "cpu" and _cpu_has_bfloat16()
    return torch.bfloat16 if requested == "bfloat16" or (requested == "auto" and native) else torch.float32


def _layer_weights(encoder: nn.Module) -> Iterator[nn.Parameter]:
    named = encoder.named_parameters()
    return (p for name, p in named if not name.startswith(f"{EMBEDDINGS}.") and p.is_floating_point())


@contextmanager
def _lowered(encoder: nn.Module, precision: torch.dtype, weights: LowPrecisionWeights) -> Iterator[None]:
    copies: Mapping[Any, Any] = weights()
    replaced = [
        (module._parameters, name, weight)
        for module in encoder.modules()
        for name, weight in module._parameters.items()
        if weight in copies
    ]
    hook = encoder.get_submodule(EMBEDDINGS).register_forward_hook(lambda _module, _inputs, out: out.to(precision))
    try:
        for parameters, name, weight in replaced:
            parameters[name] = copies[weight]
        yield
    finally:
        for parameters, name, weight in replaced:
            parameters[name] = weight
        hook.remove()


@contextmanager
def _autocast(encoder: nn.Module, device: str, precision: torch.dtype) -> Iterator[None]:
    """Context in which the encoder's forward pass, and nothing else, is under autocast."""
    forward: Callable[..., Any] = encoder.forward

    def run(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device, precision):
            return forward(*args, **kwargs)

    encoder.forward = run
    try:
        yield
    finally:
        del encoder.forward


def _cpu_has_bfloat16() -> bool:
    """Whether the CPU has instructions for it; oneDNN also emulates it, more slowly than float32."""
    if platform.machine() in ("x86_64", "AMD64"):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    available: Callable[[], bool] = torch.backends.mkldnn.is_available
    return available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
