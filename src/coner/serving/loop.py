"""Errors of the event loop that belong to no request, in the log."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from typing import Any

LOG = logging.getLogger("coner.serving")
EXHAUSTED = {errno.EMFILE: "ulimit -n", errno.ENFILE: "fs.file-max", errno.ENOBUFS: "memory", errno.ENOMEM: "memory"}
INTERVAL = 1.0  # seconds between two lines


class LoopErrors:
    """An exception handler of asyncio that reports a lack of file descriptors, at most one line per second.

    asyncio itself reports each connection that it cannot accept, thousands of times a second, with a traceback.
    """

    def __init__(self) -> None:
        self._last = -INTERVAL

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report an error."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in EXHAUSTED:
            loop.default_exception_handler(context)
        elif time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            fix = f"Fix: raise the limit ({EXHAUSTED[error.errno]})"
            LOG.error("%s: new connections wait. %s", (error.strerror or str(error)).lower(), fix)
