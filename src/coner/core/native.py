"""Calls into native libraries, which write to stderr by themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

STDERR = 2
USUAL = (ValueError, OSError, ImportError, MemoryError)  # whose messages say what is wrong
_SILENT = RLock()


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """``ValueError`` for a panic of Rust, without its lines on stderr, and for exceptions without a useful message.

    What other threads write to stderr meanwhile is discarded: use it only where an untrusted file is opened.
    """
    with _SILENT:  # else a thread could restore what another one has silenced
        try:
            kept = os.dup(STDERR)
        except OSError:  # closed
            kept = -1
        if kept >= 0:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, STDERR)
            os.close(null)
        try:
            yield
        except BaseException as error:
            own = type(error) is Exception or is_panic(error)
            if isinstance(error, USUAL) or not (own or isinstance(error, Exception)):
                raise
            kind = "" if own else f"{type(error).__name__}: "
            raise ValueError(f"{kind}{' '.join(str(error).split())[:300]}") from None
        finally:
            if kept >= 0:
                os.dup2(kept, STDERR)
                os.close(kept)


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of Rust, which is no ``Exception``."""
    return type(error).__name__ == "PanicException"
