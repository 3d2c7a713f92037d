"""The whole state of a training run in one file, which is written completely or not at all.

Weights, optimizer state and random state are tensors in safetensors; the position of the run is JSON in the header of
the same file. It is one file, so that one rename replaces it; it is not a pickle, so that reading it runs no code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from coner.core.errors import ModelError
from coner.core.files import atomic_write
from coner.families.encoder.training.averaging import AveragedWeights

FORMAT = 1
DELETE = "Fix: delete it to start again"


@dataclass
class TrainingProgress:
    """Position and history of a run.

    ``sums``: each loss (divided by the size of its step) summed since dev was last scored, then the number of steps.
    """

    epoch: int = 0  # completed epochs
    step: int = 0  # completed steps of the current epoch
    best: float = -1.0  # score of the best epoch on the dev split
    best_epoch: int = 0  # counted from 1
    threads: int = 0  # that it computes with; 0: not recorded
    seconds: float = 0.0  # spent on training, over all sessions
    sums: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry each time that dev was scored


@dataclass(frozen=True)
class Checkpoint:
    """All that is needed to resume exactly."""

    tensors: Mapping[str, Tensor]  # see ``TrainingState.tensors``
    state: dict[str, Any]  # position and fingerprint of the run, as plain JSON values


@dataclass(frozen=True)
class Storage:
    """Where and when a run is saved."""

    checkpoint: Path
    fingerprint: str  # of settings and data; a checkpoint with another fingerprint is refused
    minutes: float  # maximum time between two checkpoints
    save_best: Callable[[], None]  # saves the model; called when an epoch is the best so far
    criterion: str = "macro_f1"  # the score on dev that chooses the epoch, the higher the better, at least 0


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write or replace a checkpoint; ``OutputError`` if that fails, and the old one remains."""
    for abandoned in path.parent.glob(f".{path.name}.*.part"):  # by a process that was killed
        abandoned.unlink(missing_ok=True)
    header = {"format": str(FORMAT), "state": json.dumps(checkpoint.state)}
    with atomic_write(path, "wb") as handle:
        handle.write(save(dict(checkpoint.tensors), metadata=header))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; ``ModelError`` if it is incomplete or of another format."""
    try:
        with safe_open(path, framework="pt") as handle:
            header = handle.metadata() or {}
            if (format := header.get("format")) != str(FORMAT):
                raise ModelError(f"{path}: got checkpoint format {format!r}; expected {FORMAT!r}. {DELETE}")
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 - not a dictionary
            return Checkpoint(tensors, json.loads(header["state"]))
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: not a complete checkpoint ({error}). {DELETE}") from None


@dataclass(frozen=True)
class TrainingState:
    """The tensors that training changes; ``names`` are those of the trained parameters."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    names: Mapping[Tensor, str]
    device: torch.device
    averaged: AveragedWeights | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Weights (``model.…``, averages ``average.…``), optimizer (``optimizer.exp_avg.…``) and random state."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for parameter, state in self.optimizer.state.items():
            tensors.update({f"optimizer.{kind}.{self.names[parameter]}": value for kind, value in state.items()})
        if self.averaged is not None:
            averages = self.averaged.tensors(self.names)
            tensors.update({f"average.{name}": value for name, value in averages.items()})
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.type != "cpu":
            tensors[f"random.{self.device.type}"] = getattr(torch, self.device.type).get_rng_state()
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what ``tensors`` returned."""
        parameters = {name: parameter for parameter, name in self.names.items()}
        weights, averages = {}, {}
        for key, value in tensors.items():
            section, _, rest = key.partition(".")
            if section == "model":
                weights[rest] = value
            elif section == "average":
                averages[rest] = value
            elif section == "optimizer":
                kind, _, name = rest.partition(".")
                parameter = parameters[name]
                self.optimizer.state[parameter][kind] = value.to(parameter.device)  # also a fused step count
        self.model.load_state_dict(weights)
        if self.averaged is not None:
            self.averaged.restore(averages, self.names)
        torch.set_rng_state(tensors["random.cpu"])
        state = None if self.device.type == "cpu" else tensors.get(f"random.{self.device.type}")
        if state is not None:  # None: the run began on another device
            getattr(torch, self.device.type).set_rng_state(state)
