"""Reuse the memory of one training step in the next one.

The C library returns large blocks to the system as soon as they are freed, and a moment later gets them back page by
page, cleared. A step frees and allocates hundreds of megabytes: gradients, copies of weights in bfloat16.
"""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8  # parameters of glibc's mallopt(3)


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory for the rest of this process; returns whether it accepted that."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    # One arena, so that the next step can use what the threads of a validation have freed.
    return all([mallopt(MMAP_MAX, 0), mallopt(TRIM_THRESHOLD, 2**31 - 1), mallopt(ARENA_MAX, 1)])
