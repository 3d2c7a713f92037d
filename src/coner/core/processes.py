"""The processes that a launcher (torchrun, accelerate, mpirun) started for one job, as the environment tells of them.

Under these names accelerate finds them too.
"""

from __future__ import annotations

import os
from datetime import timedelta

from coner.core.errors import ConfigError

COUNT = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
RANK = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
COUNT_HERE = ("LOCAL_WORLD_SIZE", "MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE")
PATIENCE = timedelta(seconds=5)  # for the launcher's answer


def count() -> int:
    """How many processes there are; 1 without a launcher."""
    return max(1, _number(COUNT, 1))


def rank() -> int:
    """Which of them this is, from 0; the first one writes and speaks."""
    return _number(RANK, 0)


def local_count() -> int:
    """How many of them this machine carries."""
    return max(1, _number(COUNT_HERE, 1))


def require_single_process(what: str) -> None:
    """``ConfigError`` where there are several: each would do, and write, the same."""
    if count() > 1:
        raise ConfigError(
            f"{count()} processes were started; {what} works in one: start it without a launcher "
            "(and without WORLD_SIZE in the environment)"
        )


def claim_report() -> bool:
    """Whether no other process has asked this before: what ends all of them is told once.

    The launcher keeps the count, as torchrun and accelerate do. Where none answers, each process tells for itself.
    """
    if count() == 1:
        return True
    try:
        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        return bool(TCPStore(*place, is_master=False, timeout=PATIENCE).add(f"coner/{start}/told", 1) == 1)
    except (ImportError, KeyError, ValueError, RuntimeError):
        return True


def _number(names: tuple[str, ...], default: int) -> int:
    found = (os.environ[name] for name in names if os.environ.get(name, "").isdecimal())
    return int(next(found, default))
