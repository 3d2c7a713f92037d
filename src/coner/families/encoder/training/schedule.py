"""Batches of each epoch, groups of parameters, and learning rates by layer and by step."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from torch import nn

from coner.core.errors import ConfigError
from coner.families.encoder.backbone.layout import split_by_budget
from coner.families.encoder.training.settings import GroupSettings

PASS_SHARE = 1 / 3  # time of tagging a word, as a fraction of that of training on it
EVALUATION_SHARE = 1 / 4  # maximum time of scoring dev, as a fraction of training time
POOL = 50  # batches whose examples are sorted by length together: little padding, and still a random order


@dataclass(frozen=True)
class Batches:
    """Batches of examples of similar length, in an order set by seed and epoch: a run can resume at any step."""

    lengths: Sequence[int]  # pieces of each example
    size: int  # examples per batch
    pass_pieces: int  # maximum number of pieces per pass of the model, padding included
    seed: int

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self.epoch(0))

    def epoch(self, number: int) -> list[list[int]]:
        """The batches of an epoch (counted from 0) as indices of examples; every example occurs once."""
        generator = random.Random(f"{self.seed} {number}")
        order = list(range(len(self.lengths)))
        generator.shuffle(order)
        batches: list[list[int]] = []
        pool = self.size * POOL
        for start in range(0, len(order), pool):
            by_length = sorted(order[start : start + pool], key=lambda i: self.lengths[i])
            batches.extend(by_length[i : i + self.size] for i in range(0, len(by_length), self.size))
        generator.shuffle(batches)
        return batches

    def passes(self, examples: Sequence[int]) -> list[list[int]]:
        """The examples of a step, divided into passes of the model."""
        return split_by_budget(examples, self.lengths, self.pass_pieces)


@dataclass(frozen=True)
class ParameterGroup:
    """Named parameters with the same peak learning rate and weight decay, which is 0 for vectors (biases, norms).

    The name is that of the group in the config; if rates decay by layer, the distance from the top layer follows it.
    """

    name: str
    rate: float
    weight_decay: float
    parameters: tuple[tuple[str, nn.Parameter], ...]


@dataclass(frozen=True)
class Schedule:
    """Epochs, rates, averaging and adversarial training of a model; for the numbers see ``TrainSettings``."""

    groups: Sequence[ParameterGroup]
    epochs: int
    warmup: float = 0.1
    clip: float = 1.0
    patience: int = 0
    evaluate_every: int = 1  # epochs, counted back from the last one
    average: float = 0.0
    adversarial: float = 0.0
    first_epochs: Mapping[str, int] = field(default_factory=dict)  # (from 0) of parameters that start to train later

    def is_evaluated(self, epoch: int) -> bool:
        """Whether dev is scored after an epoch, counted from 1."""
        return (self.epochs - epoch) % self.evaluate_every == 0

    def is_trained(self, name: str, epoch: float) -> bool:
        """Whether a parameter is trained in an epoch, counted from 0."""
        return epoch >= self.first_epochs.get(name, 0)

    def factor(self, step: int, *, steps: int) -> float:
        """The fraction of its peak rate that each group has at a step (from 0): a linear rise, then a linear fall."""
        rising = round(steps * self.warmup)
        if step < rising:
            return (step + 1) / rising
        return (steps - step) / max(1, steps - rising)

    def table(self) -> list[str]:
        """The rates of all groups, one per line."""
        lines = ["learning rates: group, rate, weight decay, parameters"]
        for group in self.groups:
            (first, _), *more = group.parameters
            names = f"{first} and {len(more)} more" if more else first
            count = sum(parameter.numel() for _, parameter in group.parameters)
            lines.append(f"  {group.name:<12} {group.rate:<9.3g} {group.weight_decay:<6g} {count:>12,}  {names}")
        return lines


def evaluation_interval(*, train: int, dev: int) -> int:
    """Epochs between two scores of dev, given the words of both splits; it does not depend on the machine."""
    return max(1, math.ceil(PASS_SHARE * dev / (EVALUATION_SHARE * max(1, train))))


def group_parameters(module: nn.Module, groups: Mapping[str, GroupSettings], *, layers: int) -> list[ParameterGroup]:
    """Assign every trainable parameter to the first group with a pattern that matches its name.

    ``layers`` is the number of encoder layers, which are recognised by the number in ``...layer(s).N...``.
    ``ConfigError`` if a parameter matches no group.
    """
    members: dict[tuple[str, float, float], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        label = next((g for g, s in groups.items() if any(fnmatchcase(name, p) for p in s.match)), None)
        if label is None:
            raise ConfigError(f"train.groups: parameter {name!r} is in no group. Fix: add a pattern that matches it")
        group = groups[label]
        depth = layer_depth(name, layers) if group.layer_decay < 1 else 0
        rate = _rate(groups, label) * group.layer_decay**depth
        decay = group.weight_decay if parameter.ndim > 1 else 0.0
        title = f"{label}-{depth}" if group.layer_decay < 1 else label
        members.setdefault((title, rate, decay), []).append((name, parameter))
    return [ParameterGroup(title, rate, decay, tuple(named)) for (title, rate, decay), named in members.items()]


def _rate(groups: Mapping[str, GroupSettings], label: str) -> float:
    if not (times := groups[label].times):
        return groups[label].rate
    if label == "encoder":
        raise ConfigError("train.groups.encoder.times: got a multiple of the encoder's own rate. Fix: set rate instead")
    return times * groups["encoder"].rate


def layer_depth(name: str, layers: int) -> int:
    """Layers between a parameter and the encoder's output: 0 for the top layer, the final norm and the head.

    Parameters that all layers use, such as embeddings and relative positions, count as below the lowest.
    """
    if number := re.search(r"\.layers?\.(\d+)\.", name):
        return layers - 1 - int(number[1])
    return layers if name.startswith("encoder.") and "final_norm" not in name else 0
