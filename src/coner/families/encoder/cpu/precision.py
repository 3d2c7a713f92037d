"""In which numbers the encoder computes.

On a processor PyTorch's autocast turns every input of every matrix product to bfloat16 anew (that of query, key and
value three times) and leaves all between them in float32. Here the layers run in bfloat16 as a whole, over copies of
their weights: what is trained stays in float32. The embeddings stay as they are, since a pass looks up few of their
rows. Elsewhere autocast does the work.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from coner.families.encoder.backbone.batch import Batch

EMBEDDINGS = "embeddings"  # the module that every encoder of transformers begins with
Done = TypeVar("Done")


def run_encoder(encoder: nn.Module, batch: Batch, precision: torch.dtype) -> Any:
    """One pass in ``precision``, with all hidden states."""
    device = batch.ids.device

    def run() -> Any:
        with torch.autocast(device.type, precision, enabled=_layers_are_in(encoder) != precision):
            return encoder(input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True)

    return with_lowered(encoder, precision, device, run)


class Lowered:
    """Copies of the weights behind the embeddings, made when they are asked for, and anew when those have changed."""

    def __init__(self, encoder: nn.Module, precision: torch.dtype) -> None:
        self._encoder, self._precision = encoder, precision
        self._made_of: list[tuple[int, int]] = []
        self._copies: dict[str, Tensor] = {}

    def __call__(self) -> dict[str, Tensor]:
        """The copies by the names of the weights; gradients of the copies go to the weights themselves."""
        behind = dict(_behind_embeddings(self._encoder))
        if any(weight.is_inference() for weight in behind.values()):  # made in inference mode: it counts no changes
            return {name: weight.to(self._precision) for name, weight in behind.items()}
        state = [(weight.data_ptr(), weight._version) for weight in behind.values()]
        if state != self._made_of:
            self._copies = {name: weight.to(self._precision) for name, weight in behind.items()}
            self._made_of = state
        return self._copies


def with_lowered(
    encoder: nn.Module,
    precision: torch.dtype,
    device: torch.device,
    work: Callable[[], Done],
    *,
    copies: Lowered | None = None,
) -> Done:
    """What ``work`` gives, while the layers have copies of their weights in ``precision`` in place of the weights.

    All passes within share the copies, also those of several threads. Where autocast does the work, or the layers are
    in that precision, nothing is exchanged.

    Args:
        encoder: a pretrained model of transformers; another call must not exchange its weights at the same time.
        precision: to compute in.
        device: where it lies.
        work: makes passes.
        copies: to be kept for the next time; without them, they are made for this call.
    """
    embeddings = getattr(encoder, EMBEDDINGS, None)
    if device.type != "cpu" or not isinstance(embeddings, nn.Module) or _layers_are_in(encoder) == precision:
        return work()
    made = {f"encoder.{name}": copy for name, copy in (copies or Lowered(encoder, precision))().items()}
    hook = embeddings.register_forward_hook(lambda _module, _inputs, output: output.to(precision))
    try:
        done: Done = functional_call(_Meanwhile(encoder), made, (work,))
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


def _behind_embeddings(encoder: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, weight in encoder.named_parameters():
        if not name.startswith(f"{EMBEDDINGS}.") and weight.is_floating_point():
            yield name, weight


def _layers_are_in(encoder: nn.Module) -> torch.dtype:
    """The precision of the weights behind the embeddings, as they are now."""
    return next((weight.dtype for _, weight in _behind_embeddings(encoder)), torch.float32)


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
