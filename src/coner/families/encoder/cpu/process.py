"""Settings of the whole process for training, and their restoration."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from coner.core.cores import thread_count
from coner.families.encoder.cpu.memory import keep_freed_memory


def configure_process() -> None:
    """Compute with one thread a core, and keep freed memory for reuse."""
    keep_freed_memory()
    torch.set_num_threads(thread_count())


@contextmanager
def restored_process() -> Iterator[None]:
    """Restore the random generators and the number of threads, which training sets, when the block ends.

    A search that draws from the generators must not draw the same values twice.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        torch.set_num_threads(threads)
