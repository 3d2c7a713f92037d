"""In which numbers the encoder computes.

On a processor PyTorch's autocast turns every input of every matrix product to bfloat16 anew (that of query, key and
value three times) and leaves all between them in float32. Here the layers run in bfloat16 as a whole, over copies of
their weights that are made once a pass: what is trained stays in float32. The embeddings stay as they are, since a pass
looks up few of their rows. Elsewhere autocast does the work.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.func import functional_call

from coner.encoder.batch import Batch

EMBEDDINGS = "embeddings"  # the module that every encoder of transformers begins with
Done = TypeVar("Done")


def run_encoder(encoder: nn.Module, batch: Batch, precision: torch.dtype) -> Any:
    """One pass in ``precision``, with all hidden states."""
    device = batch.ids.device

    def run() -> Any:
        with torch.autocast(device.type, precision, enabled=_layers_are_in(encoder) != precision):
            return encoder(input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True)

    return with_lowered(encoder, precision, device, run)


def with_lowered(encoder: nn.Module, precision: torch.dtype, device: torch.device, work: Callable[[], Done]) -> Done:
    """What ``work`` gives, while the layers have copies of their weights in ``precision`` in place of the weights.

    All passes within share the copies, also those of several threads. Gradients of the copies go to the weights
    themselves. Where autocast does the work, or the layers are in that precision, nothing is copied.
    """
    embeddings = getattr(encoder, EMBEDDINGS, None)
    if device.type != "cpu" or not isinstance(embeddings, nn.Module) or _layers_are_in(encoder) == precision:
        return work()
    copies = {
        f"encoder.{name}": weight.to(precision)
        for name, weight in encoder.named_parameters()
        if not name.startswith(f"{EMBEDDINGS}.") and weight.is_floating_point()
    }
    hook = embeddings.register_forward_hook(lambda _module, _inputs, output: output.to(precision))
    try:
        done: Done = functional_call(_Meanwhile(encoder), copies, (work,))
        return done
    finally:
        hook.remove()


class _Meanwhile(nn.Module):
    """A module whose call is any work: ``functional_call`` of it exchanges the encoder's weights for so long."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, work: Callable[[], Done]) -> Done:
        return work()


def _layers_are_in(encoder: nn.Module) -> torch.dtype:
    """The precision of the weights behind the embeddings, as they are now."""
    behind = (weight for name, weight in encoder.named_parameters() if not name.startswith(f"{EMBEDDINGS}."))
    return next((weight.dtype for weight in behind if weight.is_floating_point()), torch.float32)


def native_precision(asked: str, device: torch.device) -> torch.dtype:
    """What the encoder computes in: as asked, or for ``auto`` bfloat16 where the processor has it."""
    if asked != "auto":
        return torch.bfloat16 if asked == "bfloat16" else torch.float32
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device.type == "cpu" and _cpu_has_bfloat16()
    return torch.bfloat16 if native else torch.float32


def _cpu_has_bfloat16() -> bool:
    """Instructions of its own for it: oneDNN also takes bfloat16 where it has to emulate it, slower than float32."""
    if platform.machine() in ("x86_64", "AMD64"):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    available: Callable[[], bool] = torch.backends.mkldnn.is_available
    return available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
