"""Our CRF layer beside pytorch-crf, in interleaved rounds on the same batch.

    python benchmarks/crf_layer.py [--json FILE] [--rounds 40] [--threads 1 2] [--labels 33] [--words 32] [--batch 32]

Each round runs both layers, in an order that alternates. Printed are the median times, and the median over the rounds
of the ratio, with its quartiles: how many times faster ours is. Both work in float32; ours sums over valid paths only,
pytorch-crf over all. In "lengths mixed" the sentences have 1 to ``--words`` words.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchcrf  # type: ignore[import-untyped]
from rich.console import Console
from rich.table import Table

from coner.encoder.decoder import decoders
from coner.tags import TagSet
from coner.types import Entity

Work = Callable[[], object]


def jobs(labels: int, words: int, batch: int, mixed: bool) -> dict[str, tuple[Work, Work]]:
    """The same work for both layers, by name: ours, theirs."""
    torch.manual_seed(1)
    tags = TagSet([f"L{i}" for i in range(labels)])
    ours, theirs = decoders["crf"](tags), torchcrf.CRF(len(tags), batch_first=True)
    lengths = torch.randint(1, words + 1, (batch,)) if mixed else torch.full((batch,), words)
    lengths[0] = words
    mask = torch.arange(words) < lengths[:, None]
    emissions = torch.randn(batch, words, len(tags), requires_grad=True)
    mentions = [Entity(at, at + 2, tags.labels[at % labels]) for at in range(0, words - 1, 5)]
    gold = torch.tensor([tags.encode(mentions, words)] * batch)
    for at in range(batch):  # cut to its length, a mention is still valid
        gold[at, lengths[at] :] = 0

    def train(loss: Callable[[], torch.Tensor]) -> Work:
        def run() -> None:
            emissions.grad = None
            torch.autograd.backward(loss())

        return run

    def decode_theirs() -> object:
        with torch.no_grad():
            return theirs.decode(emissions, mask=mask)

    suffix = ", lengths mixed" if mixed else ""
    return {
        f"forward + backward{suffix}": (
            train(lambda: ours.loss(emissions, lengths, gold)),
            train(lambda: -theirs(emissions, gold, mask=mask, reduction="sum")),
        ),
        f"Viterbi{suffix}": (lambda: ours.decode(emissions, lengths), decode_theirs),
    }


def seconds(work: Work) -> float:
    """Wall-clock time of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(ours: Work, theirs: Work, rounds: int) -> dict[str, float]:
    """Medians in milliseconds, and the ratio theirs / ours with its quartiles."""
    for work in (ours, theirs) * 3:
        work()
    mine: list[float] = []
    other: list[float] = []
    for at in range(rounds):
        for work, times in ((ours, mine), (theirs, other))[:: -1 if at % 2 else 1]:
            times.append(seconds(work))
    low, middle, high = statistics.quantiles([b / a for a, b in zip(mine, other, strict=True)], n=4)
    return {
        "coner_ms": round(statistics.median(mine) * 1e3, 3),
        "pytorch_crf_ms": round(statistics.median(other) * 1e3, 3),
        "ratio": round(middle, 2),
        "ratio_low": round(low, 2),
        "ratio_high": round(high, 2),
    }


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--labels", type=int, default=33)
    parser.add_argument("--words", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    size = f"{2 * options.labels + 1} tags, {options.words} words, batch {options.batch}"
    table = Table("threads", "work", "coner ms", "pytorch-crf ms", "times faster", "quartiles", title=size)
    rows = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        for mixed in (False, True):
            for name, (ours, theirs) in jobs(options.labels, options.words, options.batch, mixed).items():
                row = compare(ours, theirs, options.rounds)
                rows.append({"threads": threads, "work": name, **row})
                quartiles = f"{row['ratio_low']:.1f} - {row['ratio_high']:.1f}"
                cells = f"{row['coner_ms']:.2f}", f"{row['pytorch_crf_ms']:.2f}", f"{row['ratio']:.1f}", quartiles
                table.add_row(str(threads), name, *cells)
    Console(file=sys.stdout).print(table)
    if options.json:
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        sizes = {"tags": 2 * options.labels + 1, "words": options.words, "batch": options.batch}
        figures = {"versions": versions, **sizes, "rounds": options.rounds, "rows": rows}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
