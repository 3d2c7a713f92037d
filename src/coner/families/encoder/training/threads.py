"""The threads that a training run computes with: as set, as before a stop, or measured."""

from __future__ import annotations

import torch

from coner.core import processes
from coner.families.encoder.cpu.threads import choose_threads
from coner.families.encoder.training.trainer import Trainer

MIN_STEPS = 200  # of a training; a shorter one is over before the measurement pays


def set_threads(trainer: Trainer, requested: int, *, resumed: bool) -> str | None:
    """Set the threads of this process, and record them in the trainer's progress; the line to log, if any.

    The first that applies: ``requested`` (``train.threads``; 0: none), ``OMP_NUM_THREADS``, those of the run that is
    resumed, the fastest number by trial steps, one per core. Results differ by rounding between numbers of threads.
    """
    group, progress, before = trainer.processes, trainer.progress, trainer.progress.threads
    alone, line = group.count == 1 and group.device.type == "cpu", None
    maximum = processes.thread_count()
    if requested:
        torch.set_num_threads(requested)
    elif processes.requested_threads() or not alone:
        torch.set_num_threads(maximum)
    elif resumed:
        torch.set_num_threads(before or maximum)
    elif maximum > 1 and trainer.schedule.epochs * trainer.steps >= MIN_STEPS:
        line = str(choose_threads(trainer.trial, maximum))
    progress.threads = torch.get_num_threads()
    if resumed and before and progress.threads != before:
        line = f"threads: {progress.threads}, before the stop {before}: the result differs by rounding"
    return line
