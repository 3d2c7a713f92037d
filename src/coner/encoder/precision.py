"""In which numbers the encoder computes.

On a processor PyTorch's autocast turns every input of every matrix product to bfloat16 anew (that of query, key and
value three times) and leaves all between them in float32. Here the layers run in bfloat16 as a whole, over copies of
their weights that are made once a pass: what is trained stays in float32. The embeddings stay as they are, since a pass
looks up few of their rows. Elsewhere autocast does the work.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from coner.encoder.batch import Batch

EMBEDDINGS = "embeddings"  # the module that every encoder of transformers begins with
Weights = Mapping[str, Tensor]


def run_encoder(encoder: nn.Module, batch: Batch, precision: torch.dtype, weights: Weights | None = None) -> Any:
    """One pass, with all hidden states.

    Args:
        encoder: a pretrained model of transformers.
        batch: its input.
        precision: to compute in.
        weights: what ``lowered`` gave, where many passes are made with the same weights.
    """
    arguments = {"input_ids": batch.ids, "attention_mask": batch.mask, "output_hidden_states": True}
    embeddings = getattr(encoder, EMBEDDINGS, None)
    if precision == torch.float32 or batch.ids.device.type != "cpu" or not isinstance(embeddings, nn.Module):
        with in_precision(batch.ids.device, precision):
            return encoder(**arguments)
    hook = embeddings.register_forward_hook(lambda _module, _inputs, output: output.to(precision))
    try:
        return functional_call(encoder, dict(weights or lowered(encoder, precision)), kwargs=arguments)
    finally:
        hook.remove()


def lowered(encoder: nn.Module, precision: torch.dtype) -> dict[str, Tensor]:
    """Copies of the weights behind the embeddings; gradients of the copies go to the weights themselves."""
    return {
        name: weight.to(precision)
        for name, weight in encoder.named_parameters()
        if not name.startswith(f"{EMBEDDINGS}.") and weight.is_floating_point()
    }


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


def in_precision(device: torch.device, precision: torch.dtype) -> AbstractContextManager[Any]:
    """Mixed precision for a block; with float32, none."""
    return torch.autocast(device.type, precision, enabled=precision != torch.float32)
