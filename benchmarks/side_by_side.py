"""Two trainings at once on this machine: their summed speed, relative to that of one alone.

    python benchmarks/side_by_side.py [--train FILE] [--seconds 20] [--rounds 3] [--threads 0]

Each chooses its threads at its start as `coner train` does, while the other one does so too, then takes steps for
--seconds. With a sum of at least 0.8 neither loses much more than its share.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from harness import SAMPLE, arguments, command, existing, positive, report
from training import Ours, Task, quiet

from coner.data import read
from coner.data.taxonomy import choose_taxonomy
from coner.families.encoder.cpu.process import configure_process
from coner.families.encoder.training.threads import set_threads


class Side:
    """One training, in a process of its own."""

    def __init__(self, task: Task, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(task, threads, other), daemon=True)
        self.process.start()

    def begin(self, seconds: float) -> None:
        """Train for this long; with 0, choose the threads. ``end`` returns words per second, or the line about them."""
        self.connection.send(seconds)

    def end(self) -> object:
        """Wait for the answer to ``begin``."""
        return self.connection.recv()


def serve(task: Task, threads: int, connection: Connection) -> None:
    """Answer ``Side``."""
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(task, Path(folder))
        trainer = ours.tuning.trainer
        configure_process()
        batches, at = trainer.batches.epoch(0), 0
        while True:
            seconds = connection.recv()
            if not seconds:
                connection.send(set_threads(trainer, threads, resumed=False) or f"threads: {trainer.progress.threads}")
                continue
            words, began = 0, time.perf_counter()
            while (took := time.perf_counter() - began) < seconds:
                batch = batches[at % len(batches)]
                trainer.step(batch)
                words += sum(ours.words[i] for i in batch)
                at += 1
            connection.send(words / took)


def main() -> None:
    """Measure, and report."""
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--train", type=existing, default=SAMPLE / "train.conll")
    parser.add_argument("--seconds", type=positive, default=20, help="of each round; default 20")
    parser.add_argument("--threads", type=int, default=0, help="as train.threads; default 0: measured")
    options = parser.parse_args()
    quiet()
    train = list(read(options.train))
    taxonomy = choose_taxonomy("auto", sorted({e.label for s in train for e in s.entities or ()}))
    sides = [Side(Task(train, train[:9], taxonomy, "minilm", 16, 1.5e-4, 9, "rows"), options.threads) for _ in range(2)]

    def run(some: list[Side], seconds: float) -> list[object]:
        for side in some:
            side.begin(seconds)
        return [side.end() for side in some]

    chosen = run(sides, 0)
    run(sides, 1)  # warms up
    ratios, alone = list[float](), list[float]()
    for at in range(options.rounds):
        one = run([sides[at % 2]], options.seconds)
        both = run(sides, options.seconds)
        alone += map(float, one)  # type: ignore[arg-type]
        ratios.append(sum(map(float, both)) / alone[-1])  # type: ignore[arg-type]
    for side in sides:
        side.process.kill()
    facts: dict[str, object] = {
        "two at once, relative to one alone": f"{statistics.median(ratios):.2f}, goal 0.8",
        "rounds": ", ".join(f"{ratio:.2f}" for ratio in ratios),
        "words per second, one alone": round(statistics.median(alone)),
        **{f"training {number}": line for number, line in enumerate(chosen, start=1)},
    }
    report(options.out / "side_by_side.json", "Two trainings at once", [], packages=["torch"], facts=facts)


if __name__ == "__main__":
    command(main)
