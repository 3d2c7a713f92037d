"""What a model is trained to minimise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor


class Objective(ABC):
    """Losses of a model on numbered training examples.

    Attributes:
        names: of the losses.
        lengths: pieces of each example.
    """

    names: tuple[str, ...] = ("loss",)
    lengths: Sequence[int]

    @abstractmethod
    def size(self, examples: Sequence[int]) -> float:
        """What the summed losses of a step over these examples are divided by, such as their number of words."""

    @abstractmethod
    def losses(self, examples: Sequence[int]) -> Mapping[str, Tensor]:
        """The losses by name, summed over these examples, from one pass of the model; some may be missing."""

    def weights(self, epoch: float) -> Mapping[str, float]:
        """The weight of each loss that is minimised, after this many epochs; by default 1."""
        return dict.fromkeys(self.names, 1.0)

    def history(self, losses: Mapping[str, float], epoch: float) -> dict[str, Any]:
        """The mean losses of an epoch for the record: at least ``loss``."""
        return {"loss": losses[self.names[0]]}

    def log_line(self, entry: Mapping[str, Any]) -> str:
        """An entry of the history in words."""
        return f"loss {entry['loss']:.4f}"

    def curves(self, losses: Mapping[str, float], epoch: float) -> dict[str, float]:
        """The mean losses of a step for TensorBoard."""
        return {f"loss/{name}": value for name, value in losses.items()}
