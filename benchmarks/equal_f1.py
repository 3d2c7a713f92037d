"""Time to equal F1 on dev: coner with more or fewer trained layers, beside the Hugging Face Trainer at its best.

    python benchmarks/equal_f1.py --data music music/train.txt music/dev.txt music/test.txt \\
        --data wnut17 wnut17train.conll - emerging.dev.conll --taggers trainer coner "coner freeze 3"

Both sides train MiniLM with one seed, rate, batch size and maximum number of epochs, those of ``coner train DATA``, and
are scored on dev after the same epochs. The Trainer has a linear layer, the best precision of the processor, and
batches grouped by length. Every cell (data set, tagger, seed) is a process of its own and a file in ``--cells``, with
the scores on dev by seconds of training, on the wall and of the processor; scoring does not count, the caching of
frozen layers does. The same command again resumes with the cells that are missing. FILE:N and - are as in
``defaults.py``.

The table compares the time until a tagger first has the micro F1 on dev that the peer's run with the same seed has at
its best, and 0.99 times that, interpolated between the scores; and F1 on test of the epoch that is best on dev.
Without ``--data`` it is printed from the cells that are there.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from defaults import METRICS, Task, fill, read_cells
from harness import RESULTS, Processor, arguments, command
from training import BEST, BFLOAT16, PEERS, Peer, quiet
from training import Task as PeerTask

from coner.core.errors import ConerError
from coner.core.progress import Log
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import choose_taxonomy
from coner.evaluation.score import score
from coner.families.encoder.fit import prepare
from coner.families.encoder.settings import EncoderExperiment
from coner.families.encoder.training.schedule import evaluation_interval
from coner.families.family import TrainingJob
from coner.families.settings import parse_trainable
from coner.records.machine import machine
from coner.runs.choice import with_kind

PEER = "trainer"
CONER: dict[str, dict[str, Any]] = {
    "coner": {},
    "coner rows": {"embeddings": "rows"},
    "coner frozen": {"embeddings": "frozen"},
    **{f"coner freeze {count}": {"freeze_layers": count} for count in range(1, 7)},
    **{f"coner unfreeze {count}": {"freeze_layers": count, "unfreeze_after": 0.5} for count in range(1, 7)},
}
SHARES = (1.0, 0.99)  # of the peer's best F1 on dev
Splits = Mapping[str, Sequence[Sentence]]


class Curve:
    """Scores on dev by seconds of training; the clocks stand still while dev is scored."""

    def __init__(self, gold: Sequence[Sentence]) -> None:
        self.gold, self.points = gold, list[dict[str, float]]()
        self._spent, self._began = (0.0, 0.0), self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    def pause(self) -> None:
        """Stop the clocks."""
        wall, cpu = (
            spent + now - began for spent, now, began in zip(self._spent, self._now(), self._began, strict=True)
        )
        self._spent = wall, cpu

    def resume(self) -> None:
        """Start the clocks again."""
        self._began = self._now()

    def add(self, epoch: int, found: Sequence[Sequence[Entity]]) -> bool:
        """Score the answers after an epoch; whether their macro F1 is the best so far."""
        fine = score(self.gold, found).fine
        seconds, cpu_seconds = (round(spent, 2) for spent in self._spent)
        scores = {name: getattr(fine, name) for name in METRICS}
        best = max((point["macro_f1"] for point in self.points), default=-1.0)
        self.points.append({"epoch": epoch, "seconds": seconds, "cpu_seconds": cpu_seconds, **scores})
        return fine.macro_f1 > best


def run_coner(settings: EncoderExperiment, splits: Splits, folder: Path) -> tuple[Curve, Sequence[Sequence[Entity]]]:
    """A training of coner, which may stop early."""
    taxonomy = choose_taxonomy("auto", labels(splits))
    curve = Curve(splits["dev"])
    job = TrainingJob(
        train=splits["train"],
        dev=splits["dev"],
        taxonomy=taxonomy,
        folder=folder,
        fingerprint="benchmark",
        log=Log(),
        on_epoch=lambda _epoch, _f1: curve.resume(),
    )
    tuning = prepare(settings, job)
    tag, trainer = tuning.tagger.tag, tuning.trainer

    def scored(sentences: Sequence[Sentence]) -> list[list[Entity]]:
        curve.pause()
        found = tag(sentences)
        curve.add(trainer.progress.epoch, found)
        return found

    tuning.tagger.tag = scored  # type: ignore[method-assign]
    curve.resume()
    tuning.run()
    return curve, tag(splits["test"])


def run_peer(settings: EncoderExperiment, splits: Splits, folder: Path) -> tuple[Curve, Sequence[Sequence[Entity]]]:
    """A training of the Trainer, which keeps the epoch with the best macro F1 on dev."""
    train, curve = settings.train, Curve(splits["dev"])
    task = PeerTask(
        train=list(splits["train"]),
        dev=list(splits["dev"]),
        taxonomy=choose_taxonomy("auto", labels(splits)),
        model=settings.encoder.name,
        batch=train.batch,
        rate=train.groups["encoder"].rate,
        epochs=train.epochs,
        embeddings="all",
    )
    transformers_seed(settings.seed)
    peer = Peer(task, folder, {**PEERS[BEST], "seed": settings.seed})
    every = evaluation_interval(**{name: sum(map(len, splits[name])) for name in ("train", "dev")})
    best: dict[str, torch.Tensor] = {}

    def on_epoch(epoch: int) -> None:
        if (train.epochs - epoch) % every == 0:
            curve.pause()
            if curve.add(epoch, peer.answers(task.dev)):
                best.update({name: value.clone() for name, value in peer.model.state_dict().items()})
            curve.resume()

    curve.resume()
    peer.train_by_epoch(on_epoch)
    peer.model.load_state_dict(best)
    return curve, peer.answers(splits["test"])


def transformers_seed(seed: int) -> None:
    """Seed the initial weights of the peer."""
    from transformers import set_seed

    set_seed(seed)


def labels(splits: Splits) -> list[str]:
    """Of the mentions of all splits."""
    return sorted({entity.label for split in splits.values() for s in split for entity in s.entities or ()})


def measure(task: Task) -> dict[str, Any]:
    """Train, score on dev by time and on test at the end: the content of a cell."""
    quiet()
    torch.set_num_threads(1)
    splits = task.splits()
    values = {"kind": "encoder", "seed": task.seed, "encoder": CONER.get(task.tagger, {})}
    settings: Any = parse_trainable(with_kind(values, lambda _: splits["train"], source="equal_f1", log=lambda _: None))
    with tempfile.TemporaryDirectory() as folder:
        run = run_peer if task.tagger == PEER else run_coner
        curve, found = run(settings, splits, Path(folder))
    fine = score(splits["test"], found).fine
    return {
        "data": task.data,
        "tagger": task.tagger,
        "seed": task.seed,
        "sentences": {name: len(split) for name, split in splits.items()},
        "epochs": settings.train.epochs,
        "batch": settings.train.batch,
        "machine": machine(),
        "precision": "bfloat16" if BFLOAT16 else "float32",
        "dev": curve.points,
        **{name: getattr(fine, name) for name in METRICS},
    }


def reached(points: Sequence[Mapping[str, float]], target: float, clock: str) -> float | None:
    """Seconds until micro F1 on dev first has this value, on the line between two scores; ``None``: never."""
    time_before = f1_before = 0.0
    for point in points:
        at, f1 = point[clock], point["micro_f1"]
        if f1 >= target:
            return time_before + (at - time_before) * (target - f1_before) / (f1 - f1_before)
        time_before, f1_before = at, f1
    return None


def rows(cells: Path) -> Iterator[dict[str, Any]]:
    """One row for each data set and tagger: means over the seeds that the peer has too, and medians of ratios."""
    for data, taggers in read_cells(cells).items():
        for tagger in sorted(taggers, key=lambda name: (name != PEER, name)):
            runs = taggers[tagger]
            row: dict[str, Any] = {"data": data, "tagger": tagger, "seeds": len(runs)}
            row |= {name: statistics.mean(run[name] for run in runs.values()) for name in METRICS}
            row["dev"] = statistics.mean(max(point["micro_f1"] for point in run["dev"]) for run in runs.values())
            row["seconds"] = statistics.median(run["dev"][-1]["cpu_seconds"] for run in runs.values())
            for share in SHARES:
                row[f"times {share}"] = faster(runs, taggers.get(PEER, {}), share)
            yield row


def faster(ours: Mapping[int, Any], theirs: Mapping[int, Any], share: float) -> list[float]:
    """For each seed of both, how many times sooner ours has that share of the peer's best F1; 0: never."""
    ratios = []
    for seed in sorted(ours.keys() & theirs.keys()):
        target = share * max(point["micro_f1"] for point in theirs[seed]["dev"])
        peer, own = (reached(runs[seed]["dev"], target, "cpu_seconds") for runs in (theirs, ours))
        ratios.append(0.0 if own is None or peer is None else peer / own)
    return ratios


def table(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The rows in Markdown."""
    yield "| data | tagger | seeds | CPU s | dev micro F1 | test micro F1 | macro | times faster to 100 % | 99 % |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for row in lines:
        times = [[f"{ratio:.1f}" if ratio else "never" for ratio in row[f"times {share}"]] for share in SHARES]
        scores = [f"{row[name]:.3f}" for name in ("dev", *METRICS)]
        counts = [row["data"], row["tagger"], str(row["seeds"]), f"{row['seconds']:.0f}"]
        yield f"| {' | '.join([*counts, *scores, *map(', '.join, times)])} |"


def main() -> None:
    """Measure the missing cells, and print the table of all."""
    parser = arguments(__doc__)
    parser.add_argument("--data", nargs=4, action="append", metavar=("NAME", "TRAIN", "DEV", "TEST"), default=[])
    parser.add_argument("--taggers", nargs="+", choices=[PEER, *CONER], default=[PEER, "coner", "coner freeze 3"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--cells", type=Path, help="folder of the cells; default: of this processor")
    options = parser.parse_args()
    if len({name for name, *_ in options.data}) < len(options.data):
        raise ConerError("--data: got a name twice; expected another for each data set")
    cells = options.cells or RESULTS / Processor.read().kind / "equal_f1"
    tasks = [
        Task(name, tuple(files), tagger, seed)
        for name, *files in options.data
        for seed in options.seeds
        for tagger in options.taggers
    ]
    fill(tasks, cells, measure)
    print("\n".join(table(list(rows(cells)))))  # noqa: T201


if __name__ == "__main__":
    command(main)
