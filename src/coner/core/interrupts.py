"""Ctrl-C, which Python turns into an exception that libraries may swallow, replace or print."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def watch_interrupts() -> Iterator[Callable[[], bool]]:
    """Within the block Ctrl-C raises ``KeyboardInterrupt``; the yielded function says whether there was one.

    Raised in a callback, such as one of Python's own while a module is imported, it would be printed as a traceback and
    be lost; it is raised again instead.
    """
    received = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = True
        signal.default_int_handler(number, frame)

    def unraisable(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            _thread.interrupt_main()
        else:
            earlier(lost)

    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is signal.SIG_IGN:
        yield lambda: False
        return
    earlier, sys.unraisablehook = sys.unraisablehook, unraisable
    signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: received
    finally:
        signal.signal(signal.SIGINT, previous)
        sys.unraisablehook = earlier
