"""The command line: one module per command, which reads the arguments and makes one call."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # typing takes a while to import, during which Ctrl-C would print a traceback
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

__all__ = ["main", "run"]


def main() -> None:
    """Run the command line and exit the process."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not if Ctrl-C is ignored, as by nohup
        signal.signal(signal.SIGINT, exit_interrupted)  # while the commands are imported
    from coner.cli.app import main as run_and_exit

    run_and_exit()


def exit_interrupted(_number: int = signal.SIGINT, _frame: FrameType | None = None) -> None:
    """End the process where there is nothing to clean up."""
    try:
        os.write(2, b"coner: interrupted\n")
    finally:
        os._exit(130)


def __getattr__(name: str) -> Callable[..., Any]:
    if name != "run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from coner.cli.app import run

    return run
