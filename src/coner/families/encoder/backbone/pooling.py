"""From hidden states of pieces to word vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from coner.core.errors import ConfigError
from coner.families.encoder.backbone.batch import PieceLayout

Method = Literal["first", "mean", "first_last"]


@dataclass(frozen=True)
class Pooling:
    """Selects L hidden layers and pools their pieces."""

    layers: Sequence[int]  # indices of the hidden states, 0 for the embeddings. L
    method: Method

    def __call__(self, states: Sequence[Tensor] | Mapping[int, Tensor], pieces: PieceLayout) -> list[Tensor]:
        """Hidden states by layer, R x P x H each, to L tensors of N x H (N x 2H for ``first_last``) in float32.

        States that are N x H already are those at ``rows``.
        """
        return [self._pool(states[layer], pieces).float() for layer in self.layers]

    def rows(self, pieces: PieceLayout) -> Tensor | None:
        """Where the states are read, if that is at one piece of each word. N, indices into R*P

        Training computes the others too, so that its dropout draws the same numbers.
        """
        return pieces.first if self.method == "first" else None

    def size(self, hidden: int) -> int:
        """Width of the word vectors of an encoder with hidden states of this width."""
        return 2 * hidden if self.method == "first_last" else hidden

    def _pool(self, states: Tensor, pieces: PieceLayout) -> Tensor:
        if states.dim() == 2:
            return states
        flat = states.flatten(0, 1)
        if self.method == "first":
            return flat[pieces.first]
        if self.method == "first_last":
            return torch.cat([flat[pieces.first], flat[pieces.last]], dim=-1)
        # No index_add, bincount or len(): ONNX lacks the first two, and would store the length as a constant.
        word = pieces.word[:, None]
        every = flat[pieces.every].float()
        sums = every.new_zeros(pieces.first.shape[0], every.shape[1])
        sums = sums.scatter_add(0, word.expand(-1, every.shape[1]), every)
        counts = torch.zeros_like(pieces.first)[:, None].scatter_add(0, word, torch.ones_like(word))
        return sums / counts


def hidden_layers(requested: Sequence[int] | Literal["all"], count: int) -> list[int]:
    """Indices of hidden states, of an encoder with ``count`` layers; ``ConfigError`` if a layer does not exist."""
    if requested == "all":
        return list(range(count + 1))
    indices = [layer if layer >= 0 else count + 1 + layer for layer in requested]
    for layer, index in zip(requested, indices, strict=True):
        if not 0 <= index <= count:
            raise ConfigError(f"head.layers: got {layer}; expected 0 (embeddings) to {count} (or -1, the last)")
    return indices
