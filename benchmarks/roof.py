"""How close training and tagging with an encoder come to the machine's limit, that of one large matrix product.

    python benchmarks/roof.py runs/plain-minilm --input data/train.conll

The roof is the product of two square matrices (--size) in the encoder's precision on the same threads. Only
arithmetic on real pieces is counted: two operations per weight of the encoder's layers and piece, and attention within
each sentence; three times as many in training (forward, and backward by inputs and by weights). Padding, special
pieces, embeddings, head, dropout, optimiser and Python take time, but are not counted. In float32, tagging is measured
exported to ONNX too.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from harness import SAMPLE, arguments, command, existing, positive, report

import coner
from coner.core.errors import ConerError
from coner.core.progress import Log
from coner.data import read
from coner.families.encoder.cpu.process import configure_process
from coner.families.encoder.fit import prepare
from coner.families.encoder.tagger import EncoderTagger
from coner.families.family import TrainingJob
from coner.families.onnx.export.model import write_onnx
from coner.families.tagger import Tagger


def operations(tagger: EncoderTagger, lengths: Sequence[int]) -> float:
    """Operations of one forward pass over sentences with these numbers of pieces."""
    config = tagger.network.encoder.config
    layers = sum(
        p.numel() for name, p in tagger.network.encoder.named_parameters() if ".layer." in name and p.dim() == 2
    )
    attention = 4 * config.hidden_size * config.num_hidden_layers
    return sum(2.0 * layers * length + attention * length**2 for length in lengths)


def rate(work: Callable[[], float]) -> float:
    """Operations per second of ``work``, which returns their number."""
    began = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - began)


def main() -> None:
    """Measure, and report."""
    parser = arguments(__doc__)
    parser.add_argument("model", type=existing, help="folder of an encoder run")
    parser.add_argument("--input", type=existing, default=SAMPLE / "train.conll")
    parser.add_argument("--size", type=positive, default=4096, help="of the matrices; default 4096")
    parser.add_argument("--steps", type=positive, default=15, help="training steps per round; default 15")
    options = parser.parse_args()
    tagger = coner.load(options.model)
    if not isinstance(tagger, EncoderTagger):
        raise ConerError(f"{options.model}: a {tagger.kind} tagger; expected an encoder")
    sentences = list(read(options.input))
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(
            train=sentences,
            dev=sentences[:1],
            taxonomy=tagger.taxonomy,
            folder=Path(folder),
            fingerprint="benchmark",
            log=Log(),
        )
        trainer = prepare(tagger.settings, job).trainer
        taggers: dict[str, Tagger] = {"tagging": tagger}
        if tagger.precision == torch.float32:
            write_onnx(tagger, Path(folder) / "onnx")
            taggers["tagging, exported"] = coner.load(Path(folder) / "onnx")
    configure_process()
    batches, at = trainer.batches.epoch(0), 0
    square = torch.randn(options.size, options.size).to(tagger.precision)
    some = sentences[:2000]
    lengths = [len(pieces.ids) for pieces in tagger.pieces([sentence.words for sentence in some])]

    def roof() -> float:
        torch.mm(square, square)
        return 2.0 * options.size**3

    def train() -> float:
        nonlocal at
        chosen = [batches[(at + i) % len(batches)] for i in range(options.steps)]
        at += options.steps
        for batch in chosen:
            trainer.step(batch)
        return 3 * operations(tagger, [trainer.batches.lengths[i] for batch in chosen for i in batch])

    def tag(one: Tagger) -> float:
        one.tag(some)
        return operations(tagger, lengths)

    rates: dict[str, list[float]] = {"roof": [], "training": [], **{name: [] for name in taggers}}
    tagging: list[tuple[str, Callable[[], float]]] = [(name, partial(tag, one)) for name, one in taggers.items()]
    for round_ in range(options.rounds + 1):
        for name, work in (("roof", roof), ("training", train), *tagging, ("roof", roof)):
            found = rate(work)
            if round_:
                rates[name].append(found)
    highest = statistics.median(rates["roof"])
    facts: dict[str, object] = {
        "roof, GFLOP/s": round(highest / 1e9, 1),
        **{
            f"{name}, of the roof": f"{statistics.median(rates[name]) / highest:.0%}, goal 60%"
            for name in ("training", *taggers)
        },
        "precision": str(tagger.precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "batch": tagger.settings.train.batch,
    }
    report(options.out / "roof.json", "The roof", [], packages=["torch", "transformers"], facts=facts)


if __name__ == "__main__":
    command(main)
