"""Learning rates: parameter groups by name, layer-wise decay, warm-up and linear decay."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from coner.core.errors import ConfigError
from coner.families.encoder.training.settings import GroupSettings


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters with the same learning rate and weight decay.

    Attributes:
        name: of the group in the config, followed by the distance from the top encoder layer if rates decay by layer.
        rate: peak learning rate.
        weight_decay: of AdamW; 0 for vectors (biases, norms).
        parameters: name and parameter.
    """

    name: str
    rate: float
    weight_decay: float
    parameters: tuple[tuple[str, nn.Parameter], ...]

    @property
    def count(self) -> int:
        """Number of trained values."""
        return sum(parameter.numel() for _, parameter in self.parameters)

    def options(self) -> dict[str, Any]:
        """The group as optimizers of PyTorch expect it."""
        return {"params": [p for _, p in self.parameters], "lr": self.rate, "weight_decay": self.weight_decay}


@dataclass(frozen=True)
class Schedule:
    """How long a model is trained, and at which rates.

    Attributes:
        groups: of the trained parameters.
        epochs: most epochs.
        warmup: fraction of all steps with a rising rate.
        clip: largest norm of the gradient; 0: no clipping.
        patience: stop after this many epochs without a better one; 0: never.
    """

    groups: Sequence[ParameterGroup]
    epochs: int
    warmup: float = 0.1
    clip: float = 1.0
    patience: int = 0

    def factor(self, step: int, *, steps: int) -> float:
        """The fraction of its peak rate that each group has at a step (from 0): a linear rise, then a linear fall."""
        rising = round(steps * self.warmup)
        if step < rising:
            return (step + 1) / rising
        return (steps - step) / max(1, steps - rising)

    def table(self) -> list[str]:
        """The rates of all groups, one a line."""
        lines = ["learning rates: group, rate, weight decay, parameters"]
        for group in self.groups:
            (first, _), *more = group.parameters
            names = f"{first} and {len(more)} more" if more else first
            lines.append(f"  {group.name:<12} {group.rate:<9.3g} {group.weight_decay:<6g} {group.count:>12,}  {names}")
        return lines


def group_parameters(module: nn.Module, groups: Mapping[str, GroupSettings], *, layers: int) -> list[ParameterGroup]:
    """Assign every trainable parameter to the first group with a pattern that matches its name.

    Args:
        module: encoder layers are recognised by the number in ``...layer(s).N...``.
        groups: in order of precedence.
        layers: number of encoder layers; the embeddings count as the layer below the lowest.

    Raises:
        ConfigError: a parameter matches no group.
    """
    members: dict[tuple[str, float, float], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        label = next((g for g, s in groups.items() if any(fnmatchcase(name, p) for p in s.match)), None)
        if label is None:
            raise ConfigError(f"train.groups: parameter {name!r} is in no group. Fix: add a pattern that matches it")
        group = groups[label]
        depth = _depth(name, layers) if group.layer_decay < 1 else 0
        rate = _rate(groups, label) * group.layer_decay**depth
        decay = group.weight_decay if parameter.ndim > 1 else 0.0
        title = f"{label}-{depth}" if group.layer_decay < 1 else label
        members.setdefault((title, rate, decay), []).append((name, parameter))
    return [ParameterGroup(title, rate, decay, tuple(named)) for (title, rate, decay), named in members.items()]


def _rate(groups: Mapping[str, GroupSettings], label: str) -> float:
    """The peak rate of a group: its own, or a multiple of the encoder's."""
    if not (times := groups[label].times):
        return groups[label].rate
    if label == "encoder":
        raise ConfigError(
            "train.groups.encoder.times: the rates of other groups are multiples of this one; expected rate"
        )
    return times * groups["encoder"].rate


def _depth(name: str, layers: int) -> int:
    """Layers between a parameter and the encoder's output: 0 for the top layer, the final norm and the head.

    Parameters that all layers use, such as embeddings and relative positions, count as below the lowest.
    """
    if number := re.search(r"\.layers?\.(\d+)\.", name):
        return layers - 1 - int(number[1])
    return layers if name.startswith("encoder.") and "final_norm" not in name else 0
