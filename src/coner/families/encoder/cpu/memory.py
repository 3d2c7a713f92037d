"""Keep the memory of one training step for the next one.

The C library hands large blocks back to the system as soon as they are freed, and gets them anew, page by page and
cleared, a moment later. A step frees and asks for hundreds of megabytes: gradients, copies of weights in bfloat16.
"""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8  # parameters of glibc's mallopt(3)


def keep_freed_memory() -> bool:
    """Tell glibc to reuse what is freed, for the rest of this process; whether that could be said."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    # One arena: what the threads of a validation free is there for the next step.
    return all([mallopt(MMAP_MAX, 0), mallopt(TRIM_THRESHOLD, 2**31 - 1), mallopt(ARENA_MAX, 1)])
