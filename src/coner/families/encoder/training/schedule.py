"""How fast each parameter learns: groups by pattern, layer-wise decay, warm-up and decay over the real steps."""

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
    """Parameters with one rate and one weight decay.

    Attributes:
        name: the group's name in the config, with the depth below the top encoder layer where rates decay by layer.
        rate: the highest learning rate.
        weight_decay: AdamW's; 0 for vectors (biases, norms).
        parameters: name and parameter.
    """

    name: str
    rate: float
    weight_decay: float
    parameters: tuple[tuple[str, nn.Parameter], ...]

    @property
    def count(self) -> int:
        """How many numbers the group trains."""
        return sum(parameter.numel() for _, parameter in self.parameters)

    def options(self) -> dict[str, Any]:
        """As optimisers of PyTorch take a group."""
        return {"params": [p for _, p in self.parameters], "lr": self.rate, "weight_decay": self.weight_decay}


def group_parameters(module: nn.Module, groups: Mapping[str, GroupSettings], *, layers: int) -> list[ParameterGroup]:
    """Sort every trainable parameter into the first group with a pattern that matches its name.

    Args:
        module: whose parameters; the encoder's layers are recognised by the number in ``...layer(s).N...``.
        groups: in order of precedence.
        layers: how many layers the encoder has; its embeddings count as the layer below the lowest.

    Raises:
        ConfigError: a parameter falls in no group.
    """
    sorted_in: dict[tuple[str, float, float], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        label = next((g for g, s in groups.items() if any(fnmatchcase(name, p) for p in s.match)), None)
        if label is None:
            raise ConfigError(f"train.groups: parameter {name!r} is in no group; add a pattern that matches it")
        chosen = groups[label]
        depth = _depth(name, layers) if chosen.layer_decay < 1 else 0
        rate = _rate(groups, label) * chosen.layer_decay**depth
        decay = chosen.weight_decay if parameter.ndim > 1 else 0.0
        title = f"{label}-{depth}" if chosen.layer_decay < 1 else label
        sorted_in.setdefault((title, rate, decay), []).append((name, parameter))
    return [ParameterGroup(title, rate, decay, tuple(some)) for (title, rate, decay), some in sorted_in.items()]


def group_table(groups: Sequence[ParameterGroup]) -> list[str]:
    """Which parameters learn how fast, a line a group."""
    lines = ["learning rates: group, rate, weight decay, parameters"]
    for group in groups:
        (example, _), *more = group.parameters
        names = f"{example} and {len(more)} more" if more else example
        lines.append(f"  {group.name:<12} {group.rate:<9.3g} {group.weight_decay:<6g} {group.count:>12,}  {names}")
    return lines


def rate_factor(step: int, *, steps: int, warmup: float) -> float:
    """What part of its highest rate a group has at a step (from 0): up linearly, then down linearly to zero."""
    rising = round(steps * warmup)
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)


def _rate(groups: Mapping[str, GroupSettings], label: str) -> float:
    """The highest rate of a group, its own or so many times the encoder's."""
    if not (times := groups[label].times):
        return groups[label].rate
    if label == "encoder":
        raise ConfigError("train.groups.encoder.times: the other groups are measured by this one; expected rate")
    return times * groups["encoder"].rate


def _depth(name: str, layers: int) -> int:
    """Layers between a parameter and the encoder's output: 0 for the top layer, the final norm and the head.

    What is in no layer, as embeddings and relative positions, serves them all, and so counts as below the lowest.
    """
    if number := re.search(r"\.layers?\.(\d+)\.", name):
        return layers - 1 - int(number[1])
    return layers if name.startswith("encoder.") and "final_norm" not in name else 0
