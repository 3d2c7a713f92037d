"""The processes that train one tagger together, over accelerate; a process by itself is a team of one.

Each computes a share of every batch, of sums that all divide by the words of the whole batch. So the gradients add up
to that of one process, whatever the shares: uneven, or empty. They are added here, after the last pass of a step, and
not by ``DistributedDataParallel``, which wants every process to run as many passes and to use the same parameters,
takes the mean, and knows no gradients by row. All processes then take the same step, and stay equal to the last bit.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, broadcast
from torch import Tensor

from coner.core import processes
from coner.core.errors import ConfigError, Unfinished
from coner.families.encoder.training.checkpoint import Checkpoint

SILENCE = timedelta(minutes=10)  # longer than the first process takes to write a checkpoint
BUCKET = 1 << 24  # numbers that travel together: 64 MB


class Team:
    """What the processes of a training tell each other.

    Args:
        device: ``train.device``.

    Attributes:
        count: how many they are.
        rank: which one this is, from 0.
        first: it is the one that writes files.
        device: where this one computes.

    Raises (also of the methods):
        ConfigError: the device is not there, or not as often as there are processes on this machine; or the place where
            they meet is taken or unknown.
        Unfinished: another process has ended, or is silent for ten minutes.
    """

    def __init__(self, device: str) -> None:
        self.accelerator = _accelerator(device)
        self.count, self.rank = self.accelerator.num_processes, self.accelerator.process_index
        self.first = self.rank == 0
        self.device: torch.device = self.accelerator.device

    def agree(self, task: str) -> bool:
        """Whether the first process has work to do, and not ``""``; ``ConfigError`` where it is not this task."""
        told = self.tell(task)
        if told not in ("", task):
            raise ConfigError(
                f"process {self.rank} was given other settings, data or encoder files than process 0; "
                "expected the same command and equal files on every machine"
            )
        return told != ""

    def share(self, items: Sequence[int]) -> Sequence[int]:
        """This process's part of a batch: every so many-th, since neighbours are of like length."""
        return items[self.rank :: self.count]

    def seed(self, seed: int, step: int) -> None:
        """Random numbers of their own for each process and step; by itself, a process goes on with its stream.

        So dropout falls differently on every share, and a checkpoint needs the random state of no other process.
        """
        if self.count > 1:
            torch.manual_seed(random.Random(f"{seed} {step} {self.rank}").getrandbits(63))

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        return self.sum([float(flag)])[0] > 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sums over all processes, the same in each, of values that each has as many of."""
        if self.count == 1:
            return list(values)
        with _linked():
            added = self.accelerator.reduce(torch.tensor(values, dtype=torch.float64, device=self.device), "sum")
        found: list[float] = added.tolist()
        return found

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Give each parameter the sum of its gradients in all processes; one that none used stays without."""
        if self.count == 1:
            return
        some = list(parameters)
        whole = self.sum([float(p.grad is not None and not p.grad.is_sparse) for p in some])
        by_row = self.sum([float(p.grad is not None and p.grad.is_sparse) for p in some])
        for bucket in _buckets([p for p, used in zip(some, whole, strict=True) if used]):
            parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in bucket]
            with _linked():
                added = self.accelerator.reduce(torch.cat([part.flatten() for part in parts]), "sum")
            for p, part in zip(bucket, added.split([p.numel() for p in bucket]), strict=True):
                p.grad = part.view_as(p)
        for p in (p for p, used in zip(some, by_row, strict=True) if used):
            rows, values = _rows(p)
            p.grad = torch.sparse_coo_tensor(self.gather(rows)[None], self.gather(values), p.shape).coalesce()

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all processes, N x ..., those of the first process first; each may have another number."""
        if self.count == 1:
            return rows
        sizes = [int(n) for n in self.sum([float(len(rows) * (i == self.rank)) for i in range(self.count)])]
        if not max(sizes):
            return rows
        padded = rows.new_zeros(max(sizes), *rows.shape[1:])
        padded[: len(rows)] = rows
        with _linked():
            found = self.accelerator.gather(padded).split(max(sizes))
        return torch.cat([part[:size] for part, size in zip(found, sizes, strict=True)])

    def tell(self, text: str) -> str:
        """What the first process says, to all."""
        if self.count == 1:
            return text
        data = torch.tensor(list(text.encode()), dtype=torch.uint8, device=self.device)
        size = int(self.sum([float(len(data) * self.first)])[0])
        if size == 0:
            return ""
        return bytes(self._from_first(data if self.first else data.new_empty(size)).tolist()).decode()

    def tell_checkpoint(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """What the first process has read, to all: no other one needs the folder of the run. On the processor."""
        if self.count == 1:
            return checkpoint
        mine = checkpoint or Checkpoint({}, {})
        shapes = {name: (str(value.dtype), list(value.shape)) for name, value in mine.tensors.items()}
        told = self.tell("" if checkpoint is None else json.dumps([mine.state, shapes]))
        if not told:
            return None
        state, shapes = json.loads(told)
        tensors = {}
        for name, (dtype, shape) in shapes.items():
            kind = getattr(torch, dtype.removeprefix("torch."))
            value = mine.tensors[name] if self.first else torch.empty(shape, dtype=kind)
            tensors[name] = self._from_first(value.to(self.device)).cpu()
        return Checkpoint(tensors, state)

    def _from_first(self, value: Tensor) -> Tensor:
        with _linked():
            found: Tensor = broadcast(value)
        return found


def _accelerator(device: str) -> Accelerator:
    """Accelerate's view of the machine, and of the processes."""
    count, here = processes.count(), processes.local_count()
    if count > 1 and "MASTER_ADDR" not in os.environ:
        raise ConfigError(
            f"the environment tells of {count} processes, but not where they meet (MASTER_ADDR); "
            "start them with torchrun, or unset WORLD_SIZE to train in one"
        )
    # Left to itself, accelerate takes several processes on a machine without an accelerator for as many jobs of one.
    cpu = device == "cpu" or (count > 1 and not torch.accelerator.is_available())
    if count > 1 and not cpu and here > torch.accelerator.device_count():
        raise ConfigError(
            f"{here} processes were started on a machine of {torch.accelerator.device_count()} accelerators; "
            "expected one a device at most, or --set train.device=cpu"
        )
    try:
        several = [InitProcessGroupKwargs(timeout=SILENCE)] if count > 1 else []
        # "no": else a setting of the launcher would make it another training.
        made = Accelerator(cpu=cpu, mixed_precision="no", kwargs_handlers=several)
    except RuntimeError as error:
        why = str(error).partition("\n")[0]
        if "timed out" in why.lower():  # another one may come the next time
            raise Unfinished(f"the {count} processes of this training do not meet ({why})", 3) from error
        raise ConfigError(f"process {processes.rank()} of {count} cannot start: {why}") from error
    if device not in ("auto", made.device.type):
        raise ConfigError(f"train.device: {device!r} is not available here; auto would take {made.device.type!r}")
    if made.num_processes != count:
        raise ConfigError(
            f"{count} processes were started, but accelerate joins {made.num_processes} on {made.device.type!r}; "
            "start them with torchrun, or one without a launcher"
        )
    return made


@contextmanager
def _linked() -> Iterator[None]:
    """Within it the processes talk; gloo and NCCL tell in many ways that one of them is gone."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise Unfinished("another process of this training has ended or is silent", 3) from error


def _buckets(parameters: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Runs of parameters of some size: many small messages would cost time, a single one as much memory as the net."""
    bucket: list[Tensor] = []
    for parameter in parameters:
        if bucket and sum(p.numel() for p in bucket) + parameter.numel() > BUCKET:
            yield bucket
            bucket = []
        bucket.append(parameter)
    if bucket:
        yield bucket


def _rows(parameter: Tensor) -> tuple[Tensor, Tensor]:
    """Which rows of a matrix have a gradient, and that of each."""
    if parameter.grad is None:
        return torch.zeros(0, dtype=torch.int64, device=parameter.device), torch.zeros_like(parameter[:0])
    gradient = parameter.grad.coalesce()
    return gradient.indices()[0], gradient.values()
