"""Run an encoder over the windows of a batch: at once, or in passes where a sentence has many windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.backbone.last_layer import last_layer_at
from coner.families.encoder.cpu.accelerate import accelerated

AT_ONCE = 2  # times the pieces of a pass may be run at once, as windows hold each piece about twice


@dataclass(frozen=True)
class Windows:
    """Runs an encoder over R windows of P pieces; the windows of a long sentence do not fit into memory together.

    More than ``AT_ONCE`` times ``pieces`` pieces are run in passes of at most ``pieces``. In training, backpropagation
    computes each of these passes again, with the same dropout: the time grows by a third, and the memory only by the
    hidden states that are returned.

    Args:
        pieces: maximum pieces of a pass, padding included.
        precision: as of ``accelerated``, which the caller of the network enters for a training step.
    """

    pieces: int = 4096
    precision: torch.dtype = torch.float32

    def __call__(
        self, encoder: Any, batch: Batch, layers: Sequence[int], *, rows: Tensor | None = None
    ) -> dict[int, Tensor]:
        """The hidden states of these layers, 0 for the embeddings: R x P x H each.

        If the last layer is read at some ``rows`` of R*P only, its states may be those of these: N x H.
        """
        wanted = sorted(set(layers))

        def run(ids: Tensor, mask: Tensor, rows: Tensor | None = None) -> tuple[Tensor, ...]:
            with last_layer_at(rows) as selection:
                states = encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
            if selection.applied:
                states = (*states[:-1], states[-1].squeeze(0))
            return tuple(states[layer] for layer in wanted)

        def run_again(ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
            with accelerated(encoder, self.precision):  # in backpropagation, the caller has left it
                return run(ids, mask)

        # An exported graph takes any number of rows, so that it cannot depend on it.
        exporting = torch.onnx.is_in_onnx_export() or torch.compiler.is_exporting()
        if exporting or batch.ids.numel() <= AT_ONCE * self.pieces:
            return dict(zip(wanted, run(batch.ids, batch.mask, rows), strict=True))
        count = max(1, self.pieces // batch.ids.shape[1])
        firsts = range(0, len(batch.ids), count)
        passes = [(batch.ids[first : first + count], batch.mask[first : first + count]) for first in firsts]
        if torch.is_grad_enabled():
            parts = [checkpoint(run_again, ids, mask, use_reentrant=False) for ids, mask in passes]
        else:
            parts = [run(ids, mask) for ids, mask in passes]
        return dict(zip(wanted, map(torch.cat, zip(*parts, strict=True)), strict=True))
