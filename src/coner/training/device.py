"""Where to compute, as accelerate sees the machine."""

from __future__ import annotations

from accelerate import Accelerator

from coner.errors import ConfigError


def accelerator(device: str) -> Accelerator:
    """Accelerate's view of the machine; ``ConfigError`` where the device asked for is not there."""
    made = Accelerator(cpu=device == "cpu")
    if device not in ("auto", made.device.type):
        raise ConfigError(f"train.device: {device!r} is not available here; auto would take {made.device.type!r}")
    if made.num_processes > 1:
        raise ConfigError(
            f"{made.num_processes} processes were started; coner trains in one: start it without a launcher"
        )
    return made
