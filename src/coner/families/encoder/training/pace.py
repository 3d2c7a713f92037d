"""Detect that the steps of a training have become several times slower than at first."""

from __future__ import annotations

import statistics
from collections import deque

STEPS = 21  # that are compared: the first ones with the last ones
FACTOR = 3.0


class Pace:
    """The speed of this process's first steps and of its last ones, in seconds per piece."""

    def __init__(self) -> None:
        self._first: list[float] = []
        self._last: deque[float] = deque(maxlen=STEPS)
        self._reported = False

    def add(self, seconds: float, pieces: int) -> str | None:
        """Record a step; once, a line that says how much slower the last steps were, and what would help."""
        speed = seconds / max(1, pieces)
        if len(self._first) < STEPS:
            self._first.append(speed)
            return None
        self._last.append(speed)
        if self._reported or len(self._last) < STEPS:
            return None
        slower = statistics.median(self._last) / statistics.median(self._first)
        if slower < FACTOR:
            return None
        self._reported = True
        return (
            f"steps take {slower:.1f} times as long as at first, as if other processes used the cores. Fix: stop "
            "those, or stop this training, and resume it with OMP_NUM_THREADS=1 (rounding then differs)"
        )
