"""The processes that train one model together, over accelerate; a single process is a group of one.

Each process computes a shard of every batch, of losses that are all divided by the size of the whole batch, so that the
sum of the gradients is that of one process, even if shards are uneven or empty. Gradients are summed here after the
last pass of a step, and not by ``DistributedDataParallel``, which requires the same number of passes and the same
parameters in every process, averages, and does not support sparse gradients. All processes then take the same step, and
their weights stay equal to the last bit. Only tensors, JSON and safetensors are sent, never pickles.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import reduce
from itertools import accumulate, groupby
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, broadcast
from safetensors.torch import load, save
from torch import Tensor

from coner.core import processes
from coner.core.errors import ConfigError, Unfinished
from coner.families.encoder.training.checkpoint import Checkpoint

TIMEOUT = timedelta(minutes=10)  # longer than the first process needs to write a checkpoint
BUCKET = 1 << 24  # numbers that are sent together: 64 MB
Value = TypeVar("Value")


class ProcessGroup:
    """Communication between the processes of a training run; ``device`` is ``train.device``.

    Process 0, which ``is_first``, writes the files.

    Raises (also the methods):
        ConfigError: the device does not exist, or there are more processes on this machine than devices; or the
            address of the group is in use or unknown.
        Unfinished: another process has ended, or has not answered for ten minutes.
    """

    def __init__(self, device: str) -> None:
        self._accelerator = _accelerator(device)
        self.count, self.rank = self._accelerator.num_processes, self._accelerator.process_index
        self.is_first = self.rank == 0
        self.device: torch.device = self._accelerator.device

    def start(self, fingerprint: str) -> bool:
        """Whether process 0 is about to train (see ``release``); ``ConfigError`` if its fingerprint differs."""
        first = self.broadcast(fingerprint)
        if first not in ("", fingerprint):
            raise ConfigError(
                f"process {self.rank}: got settings, data or encoder files other than those of process 0; "
                "expected the same command and equal files on every machine"
            )
        return first != ""

    def release(self) -> None:
        """In process 0: there is nothing to train, and ``start`` returns False in the others."""
        self.broadcast("")

    def shard(self, items: Sequence[int]) -> Sequence[int]:
        """The items of this process: every ``count``-th, as neighbours are of similar length."""
        return items[self.rank :: self.count]

    def seed(self, seed: int, step: int) -> None:
        """Seed the random numbers of this process and step; a single process continues its stream.

        So dropout differs between shards, and a checkpoint needs no random state of other processes.
        """
        if self.count > 1:
            torch.manual_seed(random.Random(f"{seed} {step} {self.rank}").getrandbits(63))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return self.sum([float(flag)])[0] > 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sums over all processes, equal in each; every process passes the same number of values."""
        if self.count == 1:
            return list(values)
        with _connected():
            total = self._accelerator.reduce(torch.tensor(values, dtype=torch.float64, device=self.device), "sum")
        sums: list[float] = total.tolist()
        return sums

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its sum over all processes; parameters that no process used keep ``None``."""
        if self.count == 1:
            return
        every = list(parameters)
        dense = self.sum([float(p.grad is not None and not p.grad.is_sparse) for p in every])
        sparse = self.sum([float(p.grad is not None and p.grad.is_sparse) for p in every])
        for bucket in _buckets([p for p, used in zip(every, dense, strict=True) if used]):
            gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in bucket]
            with _connected():
                total = self._accelerator.reduce(torch.cat([g.flatten() for g in gradients]), "sum")
            for p, gradient in zip(bucket, total.split([p.numel() for p in bucket]), strict=True):
                p.grad = gradient.view_as(p)
        for p in (p for p, used in zip(every, sparse, strict=True) if used):
            gradients = [_sparse(load(data), p) for data in self._gather(save(_rows(p.grad)))]
            p.grad = reduce(torch.add, gradients).coalesce().to(p.device)

    def gather(self, values: list[Value]) -> list[Value]:
        """The JSON values of all processes, in the order of the processes."""
        if self.count == 1:
            return values
        return [value for data in self._gather(json.dumps(values).encode()) for value in json.loads(data)]

    def broadcast(self, value: Value) -> Value:
        """The JSON value of process 0, such as a text, in all processes."""
        if self.count == 1:
            return value
        first: Value = json.loads(self._gather(json.dumps(value).encode() if self.is_first else b"")[0])
        return first

    def _gather(self, data: bytes) -> list[bytes]:
        """The bytes of each process; padded to equal length for sending."""
        with _connected():
            sizes = self._accelerator.gather(torch.tensor([len(data)], device=self.device)).tolist()
            padded = bytearray(data) + bytes(max(sizes) - len(data) + 1)
            own = torch.frombuffer(padded, dtype=torch.uint8).to(self.device)
            every = self._accelerator.gather(own[None]).cpu()
        return [row[:size].numpy().tobytes() for row, size in zip(every, sizes, strict=True)]

    def broadcast_checkpoint(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """The checkpoint of process 0, in all processes, on the CPU: only process 0 needs the run folder."""
        if self.count == 1:
            return checkpoint
        own = {} if checkpoint is None else checkpoint.tensors
        shapes = {name: [str(value.dtype).removeprefix("torch."), *value.shape] for name, value in own.items()}
        first = self.broadcast(None if checkpoint is None else [checkpoint.state, shapes])
        if first is None:
            return None
        tensors = {}
        for name, (dtype, *shape) in first[1].items():
            value = own[name] if self.is_first else torch.empty(shape, dtype=getattr(torch, dtype))
            with _connected():
                tensors[name] = broadcast(value.to(self.device)).cpu()
        return Checkpoint(tensors, first[0])


def _accelerator(device: str) -> Accelerator:
    count, local = processes.count(), processes.local_count()
    if count > 1 and "MASTER_ADDR" not in os.environ:
        raise ConfigError(
            f"got {count} processes without MASTER_ADDR, the address where they meet. "
            "Fix: start them with torchrun, or unset WORLD_SIZE to train in one"
        )
    # By itself, accelerate takes several processes on a machine without an accelerator for separate jobs.
    cpu = device == "cpu" or (count > 1 and not torch.accelerator.is_available())
    if count > 1 and not cpu and local > torch.accelerator.device_count():
        raise ConfigError(
            f"got {local} processes on a machine with {torch.accelerator.device_count()} accelerators; "
            "expected at most one per device. Fix: start fewer, or --set train.device=cpu"
        )
    options = [InitProcessGroupKwargs(timeout=TIMEOUT)] if count > 1 else []
    try:  # "no": ignore the launcher's setting
        accelerator = Accelerator(cpu=cpu, mixed_precision="no", kwargs_handlers=options)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        if "timed out" in reason.lower():  # it may succeed the next time
            raise Unfinished(f"the {count} processes of this training cannot connect ({reason})") from error
        raise ConfigError(f"process {processes.rank()} of {count} cannot start: {reason}") from error
    if device not in ("auto", accelerator.device.type):
        raise ConfigError(
            f"train.device: got {device!r}, which is not available; expected auto, here {accelerator.device.type!r}"
        )
    if accelerator.num_processes != count:
        raise ConfigError(
            f"got {count} processes, of which accelerate connects {accelerator.num_processes} on "
            f"{accelerator.device.type!r}. Fix: start them with torchrun, or one without a launcher"
        )
    return accelerator


@contextmanager
def _connected() -> Iterator[None]:
    """``Unfinished`` if another process is gone, which gloo and NCCL report in many ways."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise Unfinished("another process of this training has ended or does not answer") from error


def _rows(gradient: Tensor | None) -> dict[str, Tensor]:
    """The tensors of a sparse gradient."""
    if gradient is None:
        return {}
    gradient = gradient.coalesce().cpu()
    return {"indices": gradient.indices(), "values": gradient.values()}


def _sparse(rows: dict[str, Tensor], like: Tensor) -> Tensor:
    """The gradient of a parameter of this shape from the tensors of ``_rows``."""
    if not rows:
        return torch.zeros(like.shape, dtype=like.dtype, layout=torch.sparse_coo)
    return torch.sparse_coo_tensor(rows["indices"], rows["values"], like.shape)


def _buckets(parameters: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Parameters to be sent together: many messages are slow, and a single one needs as much memory as the model."""
    ends = accumulate(parameter.numel() for parameter in parameters)
    for _, pairs in groupby(zip(parameters, ends, strict=True), key=lambda pair: pair[1] // BUCKET):
        yield [parameter for parameter, _ in pairs]
