"""Ctrl-C, which Python turns into an exception that libraries may swallow, replace or print."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN = 0.01  # seconds


@contextmanager
def watch_interrupts() -> Iterator[Callable[[], bool]]:
    """Within the block Ctrl-C raises ``KeyboardInterrupt``; the yielded function says whether there was one.

    Raised in a callback, such as one of Python's own while a module is imported, it would be printed as a traceback and
    be lost; it is raised again instead.
    """
    received = reporting = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = True
        if reporting:
            _thread.start_new_thread(raise_again, ())
        else:
            signal.default_int_handler(number, frame)

    def unraisable(lost: sys.UnraisableHookArgs) -> None:
        nonlocal reporting
        reporting = True  # an exception in here would be lost too
        try:
            if issubclass(lost.exc_type, KeyboardInterrupt):
                _thread.start_new_thread(raise_again, ())
            else:
                earlier(lost)
        finally:
            reporting = False

    def raise_again() -> None:
        time.sleep(AGAIN)
        _thread.interrupt_main()

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
