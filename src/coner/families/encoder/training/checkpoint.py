"""A training run's whole state in one file, written at once or not at all.

Weights, optimiser state and the state of the random generator are tensors in safetensors; where the run stands is JSON
in the same file's header. One file, so that one rename makes it whole; no pickle, so that reading it runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from coner.core.errors import ModelError
from coner.core.files import atomic_write

FORMAT = 1


@dataclass
class Progress:
    """Where a run stands; all of it goes into a checkpoint.

    Attributes:
        epoch: epochs done.
        step: steps done in the current epoch.
        best: macro F1 of the best epoch on the validation file; -1 before the first.
        best_epoch: which one that was, counted from 1.
        seconds: spent so far, over all sittings.
        sums: fine loss, coarse loss (per word and step) and number of steps, in the current epoch.
        history: one entry an epoch.
    """

    epoch: int = 0
    step: int = 0
    best: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Checkpoint:
    """What is needed to go on as if nothing had happened.

    Attributes:
        tensors: weights (``model.…``), AdamW's moments (``exp_avg.…`` and so on, by parameter name), random state.
        state: where the run stands (epoch, step, best score, history), and what it belongs to; plain JSON values.
    """

    tensors: Mapping[str, Tensor]
    state: dict[str, Any]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write or replace a checkpoint; ``OutputError`` where it cannot be written, and the old one stays."""
    for left in path.parent.glob(f".{path.name}.*.part"):  # by a process that was killed
        left.unlink(missing_ok=True)
    header = {"format": str(FORMAT), "state": json.dumps(checkpoint.state)}
    with atomic_write(path, "wb") as handle:
        handle.write(save(dict(checkpoint.tensors), metadata=header))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; ``ModelError`` where it is cut short or of another version."""
    try:
        with safe_open(path, framework="pt") as handle:
            header = handle.metadata() or {}
            if header.get("format") != str(FORMAT):
                raise ModelError(f"{path}: checkpoint format {header.get('format')!r}, expected {FORMAT}; start anew")
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 - not a dictionary
            return Checkpoint(tensors, json.loads(header["state"]))
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: not a whole checkpoint ({error}); delete it to start anew") from None


@dataclass(frozen=True)
class Trained:
    """What training changes, to and from the tensors of a checkpoint.

    Attributes:
        network, optimizer: in training.
        names: of the parameters that are trained.
        device: where the network lies.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    names: Mapping[Tensor, str]
    device: torch.device

    def tensors(self) -> dict[str, Tensor]:
        """All of its state, and that of the random numbers."""
        tensors = {f"model.{name}": value for name, value in self.network.state_dict().items()}
        tensors.update(optimizer_tensors(self.optimizer, self.names))
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.type != "cpu":
            tensors[f"random.{self.device.type}"] = getattr(torch, self.device.type).get_rng_state()
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put ``tensors`` back."""
        weights = {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
        self.network.load_state_dict(weights)
        restore_optimizer(self.optimizer, self.names, tensors)
        torch.set_rng_state(tensors["random.cpu"])
        state = None if self.device.type == "cpu" else tensors.get(f"random.{self.device.type}")
        if state is not None:  # it was begun on a device of this kind
            getattr(torch, self.device.type).set_rng_state(state)


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: Mapping[Tensor, str]) -> dict[str, Tensor]:
    """An optimiser's state by parameter name, as ``<kind>.<name>``."""
    return {
        f"optimizer.{kind}.{names[parameter]}": value
        for parameter, state in optimizer.state.items()
        for kind, value in state.items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, names: Mapping[Tensor, str], tensors: Mapping[str, Tensor]
) -> None:
    """Put ``optimizer_tensors`` back."""
    by_name = {name: parameter for parameter, name in names.items()}
    for key, value in tensors.items():
        section, _, rest = key.partition(".")
        if section == "optimizer":
            kind, _, name = rest.partition(".")
            parameter = by_name[name]
            optimizer.state[parameter][kind] = value.to(parameter.device)  # the fused step counts there too
