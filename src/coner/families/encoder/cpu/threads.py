"""The number of threads that training computes with, chosen by measured throughput.

Threads of one step wait for each other. Where other processes use the same cores, the step waits for the slowest of
them, and with every core in use two threads can be slower than one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

SECONDS = 1.0  # that all trials take; a round of a large model takes longer
ROUNDS = 2  # at least, and one before them that is not counted
GAIN = 1.2  # of speed, for which more threads are used: idle cores give more, busy ones less, so chance decides nothing


@dataclass(frozen=True)
class ThreadChoice:
    """A number of threads, and the seconds of one trial with each number that was tried."""

    threads: int
    seconds: Mapping[int, float]

    def __str__(self) -> str:
        first = self.seconds[1]
        tried = ", ".join(f"{count}: {first / time:.1f}" for count, time in sorted(self.seconds.items()))
        return f"threads: {self.threads} (measured speed, relative to one thread: {tried})"


def choose_threads(
    trial: Callable[[], object], maximum: int, *, clock: Callable[[], float] = time.perf_counter
) -> ThreadChoice:
    """Run the trial with ``maximum`` threads, half as many, and so on to one, in turn; keep the fastest number.

    Of speeds that are nearly equal, that with fewer threads is kept. The process computes with the chosen number from
    then on.
    """
    counts = [maximum]
    while counts[0] > 1:
        counts.insert(0, counts[0] // 2)
    times: dict[int, list[float]] = {count: [] for count in counts}
    began = clock()
    while min(map(len, times.values())) <= ROUNDS or clock() - began < SECONDS:
        for count in counts:
            torch.set_num_threads(count)
            started = clock()
            trial()
            times[count].append(clock() - started)
    seconds = {count: statistics.median(found[1:]) for count, found in times.items()}
    chosen = counts[0]
    for count in counts[1:]:
        if seconds[count] * GAIN <= seconds[chosen]:
            chosen = count
    torch.set_num_threads(chosen)
    return ThreadChoice(chosen, seconds)
