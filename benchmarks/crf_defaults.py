"""Quality of the feature CRF without settings, beside other CRFs, on test files that nothing was chosen on.

    python benchmarks/crf_defaults.py --work cells \\
        --data music crossner/music/train.txt crossner/music/dev.txt crossner/music/test.txt \\
        --data mc2 en/train.conll:1000 en/dev.conll en/test.conll [--seeds 1 2 3]

``FILE:1000`` trains on that many sentences. Every cell (data set, tagger, seed) is a file in the folder of ``--work``;
the same command again resumes with those that are missing. Only exact spans with the right label count, and a stray I-
of a peer starts no mention, as in seqeval's strict mode. Time is that of the processor.

- ``coner``: nothing set; ``coner micro``: choices by micro F1; ``coner sgd``: the fixed settings of earlier versions
- ``sklearn-crfsuite``: the features and settings of its tutorial, without parts of speech, which the files lack
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness import RESULTS, arguments, command
from peers import Found, crfsuite
from rich.console import Console
from rich.table import Table

from coner.config.experiment import DataSettings
from coner.core.types import Entity
from coner.data.split import Split
from coner.data.splits import read_splits
from coner.data.taxonomy import Taxonomy
from coner.evaluation.metrics import macro_f1, micro_f1
from coner.evaluation.results import Level
from coner.evaluation.score import score
from coner.evaluation.significance import difference
from coner.families.crf.fit import train
from coner.families.crf.settings import CrfExperiment
from coner.records.machine import machine

PEER = "sklearn-crfsuite"
OURS: dict[str, dict[str, str]] = {
    "coner": {},
    "coner micro": {"choose_by": "micro"},
    "coner sgd": {"algorithm": "sgd"},
}
METRICS = {"micro_f1": micro_f1, "macro_f1": macro_f1}


def ours(splits: dict[str, Split], taxonomy: Taxonomy, crf: dict[str, str], seed: int) -> tuple[Found, Any]:
    """Entities in test, and what was chosen."""
    settings = CrfExperiment.model_validate({"kind": "crf", "seed": seed, "crf": crf})
    sentences = {name: split.sentences for name, split in splits.items()}
    built = train(settings, train=sentences["train"], dev=sentences["dev"], taxonomy=taxonomy, log=lambda _: None)
    chosen = built.tagger.settings.crf  # type: ignore[attr-defined]
    names = ("algorithm", "features", "c1", "c2")
    return built.tagger.tag(sentences["test"]), {name: getattr(chosen, name) for name in names}


def theirs(splits: dict[str, Split]) -> tuple[Found, Any]:
    """Entities in test; nothing was chosen."""
    return crfsuite({name: split.sentences for name, split in splits.items()}, 0), None


def cell(path: Path, work: Callable[[], tuple[Found, Any]]) -> dict[str, Any]:
    """The content of a cell's file, which is written first if it is missing."""
    if not path.is_file():
        start = time.process_time()
        found, chosen = work()
        spans = [[(e.start, e.end, e.label) for e in entities] for entities in found]
        values = {"seconds": round(time.process_time() - start, 1), "chosen": chosen, "found": spans}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(json.dumps(values), encoding="utf-8")
        path.with_suffix(".part").replace(path)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def rows(name: str, files: Sequence[str], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row for each tagger: means over the seeds (the peer has no randomness), and ours minus the peer."""
    train_file, _, take = files[0].partition(":")
    paths = dict(zip(("train", "dev", "test"), (train_file, *files[1:]), strict=True))
    splits, taxonomy = read_splits(DataSettings.model_validate({**paths, "take": int(take or 0)}))
    gold = splits["test"].sentences
    levels: dict[str, list[Level]] = {}
    for tagger in (PEER, *options.ours):
        cells = []
        for seed in options.seeds[:1] if tagger == PEER else options.seeds:
            work_of = partial(theirs, splits) if tagger == PEER else partial(ours, splits, taxonomy, OURS[tagger], seed)
            cells.append(cell(options.work / f"{name}-{tagger.replace(' ', '-')}-{seed}.json", work_of))
        found = [[[Entity(*span) for span in spans] for spans in each["found"]] for each in cells]
        levels[tagger] = [score(gold, each).fine for each in found]
        yield {
            "data": name,
            "tagger": tagger,
            "seconds": statistics.median(each["seconds"] for each in cells),
            "chosen": [each["chosen"] for each in cells],
            **{m: [getattr(level, m) for level in levels[tagger]] for m in METRICS},
            **{f"{m} minus peer": against(levels[PEER], levels[tagger], m) for m in METRICS},
        }


def against(peer: list[Level], levels: list[Level], metric: str) -> list[float]:
    """Difference to the peer, with the limits of its paired 95 % interval."""
    first = [level.counts for level in peer * len(levels)]
    found = difference(first, [level.counts for level in levels], METRICS[metric])
    return [found.value, found.low, found.high]


def main() -> None:
    """Measure the missing cells, and print the table."""
    parser = arguments(__doc__, out=RESULTS)
    parser.add_argument("--data", nargs=4, action="append", metavar=("NAME", "TRAIN", "DEV", "TEST"), required=True)
    parser.add_argument("--ours", nargs="+", choices=OURS, default=list(OURS), help="default: all three")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--work", type=Path, required=True, help="folder of the cells")
    options = parser.parse_args()
    table, found = Table("data", "tagger", "micro F1", "macro F1", "minus peer: micro", "macro", "CPU s"), []
    for name, *files in options.data:
        for row in rows(name, files, options):
            found.append(row)
            means = [f"{statistics.mean(row[m]):.3f}" for m in METRICS]
            gaps = ["{:+.3f} [{:+.3f}, {:+.3f}]".format(*row[f"{m} minus peer"]) for m in METRICS]
            table.add_row(name, row["tagger"], *means, *gaps, f"{row['seconds']:.0f}")
    Console(width=140, highlight=False).print(table)
    values = {"machine": machine(), "seeds": options.seeds, "rows": found}
    (options.out / "crf_defaults.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    command(main)
