"""An exponential moving average of the trained weights, which is evaluated and saved in their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


class AveragedWeights:
    """``average = decay average + (1 - decay) weights`` after each step (Polyak and Juditsky 1992).

    At step t the decay is at most (1 + t) / (10 + t), so that the initial weights soon lose their influence.
    """

    def __init__(self, parameters: Iterable[Tensor], decay: float) -> None:
        self.decay = decay
        self._pairs = [(parameter, parameter.detach().clone()) for parameter in parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the current weights, those after ``step`` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages = [average for _, average in self._pairs]
        torch._foreach_lerp_(averages, [parameter for parameter, _ in self._pairs], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Context in which the model has the averaged weights."""
        with torch.no_grad():
            self._swap()
        try:
            yield
        finally:
            with torch.no_grad():
                self._swap()

    def tensors(self, names: Mapping[Tensor, str]) -> dict[str, Tensor]:
        """The averages by the name of their parameter, for a checkpoint."""
        return {names[parameter]: average for parameter, average in self._pairs}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], names: Mapping[Tensor, str]) -> None:
        """Load what ``tensors`` returned."""
        for parameter, average in self._pairs:
            average.copy_(tensors[names[parameter]])

    def _swap(self) -> None:
        for parameter, average in self._pairs:
            kept = parameter.clone()
            parameter.copy_(average)
            average.copy_(kept)
