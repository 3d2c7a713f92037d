"""Quality of taggers without settings: coner beside other libraries, on test files that nothing was chosen on.

    python benchmarks/defaults.py --data music music/train.txt music/dev.txt music/test.txt \\
        --data wnut17 wnut17train.conll - emerging.dev.conll --data mc2 train.conll:1000 dev.conll test.conll

``FILE:1000`` trains on a sample of that many sentences, - cuts a tenth of train by text for dev. Every cell (data set,
tagger, seed) is a process of its own and a file in ``--cells``; the same command again resumes with those that are
missing, the first seed of all taggers first. Only exact spans with the right label count, as in seqeval's strict mode.
Time is that of the processor: training, choices on dev, and tagging of test. A tagger without randomness has one seed.

- ``coner crf``, ``coner minilm``: ``coner train DATA --family crf`` or ``encoder``
- ``crfsuite``: sklearn-crfsuite with the features and settings of its tutorial
- ``trainer``: the Hugging Face Trainer on the same encoder, with a linear layer, as many steps and the same rate
- ``spanmarker``: SpanMarker on the same encoder, likewise; the variable SPAN_MARKER_PYTHON is the Python that has it
- ``spacy``: the pipeline for a processor that ``spacy init config --pipeline ner`` writes

Without ``--data`` it prints the table of the cells that are there.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import peers
from harness import RESULTS, arguments, command

from coner.config.experiment import DataSettings, Experiment
from coner.core.errors import ConerError
from coner.core.files import atomic_write
from coner.core.processes import end_with_parent
from coner.core.progress import Log, SilentLog
from coner.data import Corpus
from coner.data.splits import read_splits
from coner.evaluation.metrics import macro_f1, micro_f1
from coner.evaluation.score import score
from coner.evaluation.significance import difference
from coner.records.machine import machine
from coner.records.packed import pack, unpack
from coner.runs.choice import settings_for
from coner.runs.train import fit, sentence_recipe

METRICS = {"micro_f1": micro_f1, "macro_f1": macro_f1}
GROUPS = {"CRF": ("coner crf", "crfsuite"), "encoder": ("coner minilm", "trainer", "spanmarker", "spacy")}
FIXED = {"crfsuite"}  # no randomness
SPAN_MARKER = "SPAN_MARKER_PYTHON"


@dataclass(frozen=True)
class Task:
    """A data set by its files, a tagger and a seed."""

    data: str
    files: tuple[str, str, str]
    tagger: str
    seed: int

    @property
    def cell(self) -> str:
        """The name of the cell's file."""
        return f"{self.data}-{self.tagger.replace(' ', '-')}-{self.seed}.json"

    def splits(self) -> dict[str, Corpus]:
        """The sentences of train, dev and test."""
        file, _, take = self.files[0].partition(":")
        paths = {name: file for name, file in zip(("dev", "test"), self.files[1:], strict=True) if file != "-"}
        settings = DataSettings.model_validate({"train": file, **paths, "take": int(take or 0)})
        return {name: split.corpus for name, split in read_splits(settings)[0].items()}


def settings(kind: str, splits: peers.Splits, seed: int) -> Experiment:
    """What ``coner train DATA --family KIND`` chooses."""
    values = {"kind": kind, "seed": seed}
    return settings_for(values, lambda _: splits["train"], source="defaults", log=SilentLog())


def ours(kind: str) -> Callable[[peers.Splits, int], peers.Found]:
    """A tagger of coner."""

    def run(splits: peers.Splits, seed: int) -> peers.Found:
        values = {"kind": kind, "seed": seed}
        recipe = sentence_recipe(values, splits["train"], splits["dev"], source="defaults", log=SilentLog())
        return fit(recipe, log=Log()).tag(splits["test"])

    return run


def with_our_steps(peer: Callable[..., peers.Found]) -> Callable[[peers.Splits, int], peers.Found]:
    """A peer with the steps and the rate of our encoder."""

    def run(splits: peers.Splits, seed: int) -> peers.Found:
        train: Any = settings("encoder", splits, seed).train  # type: ignore[attr-defined]
        rate = train.groups["encoder"].rate
        return peer(splits, seed, epochs=train.epochs, batch=train.batch, rate=rate)

    return run


TAGGERS: dict[str, Callable[[peers.Splits, int], peers.Found]] = {
    "coner crf": ours("crf"),
    "crfsuite": peers.crfsuite,
    "coner minilm": ours("encoder"),
    "trainer": with_our_steps(peers.trainer),
    "spanmarker": with_our_steps(partial(peers.span_marker, python=os.environ.get(SPAN_MARKER, ""))),
    "spacy": peers.spacy_pipeline,
}


def processor_seconds() -> float:
    """Of this process and of those that it waited for."""
    return sum(os.times()[:4])


def measure(task: Task) -> dict[str, Any]:
    """Train, tag and score: the content of a cell."""
    splits, start = task.splits(), processor_seconds()
    found = TAGGERS[task.tagger](splits, task.seed)
    seconds = processor_seconds() - start
    fine = score(splits["test"], found).fine
    return {
        "data": task.data,
        "tagger": task.tagger,
        "seed": task.seed,
        "sentences": {name: len(split) for name, split in splits.items()},
        "seconds": round(seconds, 1),
        "machine": machine(),
        **{name: getattr(fine, name) for name in METRICS},
        "counts": pack(fine.counts),
    }


def fill(tasks: Sequence[Task], cells: Path, measure: Callable[[Task], dict[str, Any]]) -> None:
    """Measure the tasks that have no cell, one after the other."""
    cells.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    for task in sorted(tasks, key=lambda task: task.seed):
        if not (path := cells / task.cell).exists():
            with ProcessPoolExecutor(1, context, end_with_parent) as pool:
                values = pool.submit(measure, task).result()
            write(path, values)
            Log()(f"{task.cell}: {', '.join(f'{name} {values[name]:.4f}' for name in METRICS)}")


def write(path: Path, values: Any) -> None:
    """Write JSON."""
    with atomic_write(path) as file:
        file.write(json.dumps(values) + "\n")


def read_cells(cells: Path) -> dict[str, dict[str, dict[int, Any]]]:
    """The finished cells by data set, tagger and seed."""
    found: dict[str, dict[str, dict[int, Any]]] = {}
    for path in sorted(cells.glob("*.json")):
        values = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(values["data"], {}).setdefault(values["tagger"], {})[values["seed"]] = values
    return found


def rows(cells: Path) -> Iterator[dict[str, Any]]:
    """One row for each data set and tagger: means over seeds, and ours minus it with the paired 95 % interval."""
    for data, taggers in read_cells(cells).items():
        for first, *others in GROUPS.values():
            for tagger in (name for name in (first, *others) if name in taggers):
                runs = taggers[tagger]
                row = {"data": data, "tagger": tagger, "seeds": len(runs)}
                row |= {name: statistics.mean(run[name] for run in runs.values()) for name in METRICS}
                row["seconds"] = min(run["seconds"] for run in runs.values())
                if tagger != first and first in taggers:
                    row |= {f"ours minus {name}": lead(taggers[first], runs, name) for name in METRICS}
                yield row


def lead(ours: Mapping[int, Any], theirs: Mapping[int, Any], metric: str) -> tuple[float, float, float]:
    """How much higher ours is, and the limits of the interval; equal seeds are paired, a single run with all."""
    if len(theirs) == 1:
        theirs = dict.fromkeys(ours, *theirs.values())
    pairs = [(theirs[seed], ours[seed]) for seed in sorted(ours.keys() & theirs.keys())]
    before, after = ([unpack(run["counts"]) for run in runs] for runs in zip(*pairs, strict=True))
    found = difference(before, after, METRICS[metric])
    return found.value, found.low, found.high


def table(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The rows in Markdown."""
    yield "| data | tagger | seeds | micro F1 | macro F1 | ours minus it: micro | macro | CPU s |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for row in lines:
        leads = [row.get(f"ours minus {name}") for name in METRICS]
        gaps = ["" if lead is None else "{:+.3f} [{:+.3f}, {:+.3f}]".format(*lead) for lead in leads]
        means = [f"{row[name]:.3f}" for name in METRICS]
        numbers = [str(row["seeds"]), *means, *gaps, f"{row['seconds']:.0f}"]
        yield f"| {' | '.join([row['data'], row['tagger'], *numbers])} |"


def main() -> None:
    """Measure the missing cells, and print the table of all."""
    parser = arguments(__doc__, out=RESULTS)
    parser.add_argument("--data", nargs=4, action="append", metavar=("NAME", "TRAIN", "DEV", "TEST"), default=[])
    parser.add_argument("--taggers", nargs="+", choices=TAGGERS, help="default: all that are there")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--cells", type=Path, default=RESULTS / "defaults", help="folder of the cells")
    options = parser.parse_args()
    if len({name for name, *_ in options.data}) < len(options.data):
        raise ConerError("--data: got a name twice; expected another for each data set")
    there = [name for name in TAGGERS if name != "spanmarker" or SPAN_MARKER in os.environ]
    tasks = [
        Task(name, tuple(files), tagger, seed)
        for name, *files in options.data
        for tagger in options.taggers or there
        for seed in (options.seeds[:1] if tagger in FIXED else options.seeds)
    ]
    fill(tasks, options.cells, measure)
    print("\n".join(table(list(rows(options.cells)))))  # noqa: T201


if __name__ == "__main__":
    command(main)
