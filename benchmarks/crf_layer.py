"""Our CRF layer compared with pytorch-crf, in alternating rounds on the same batch.

    python benchmarks/crf_layer.py [--rounds 40] [--threads 1 2] [--labels 33] [--words 32] [--batch 32]

Both work in float32; ours sums over valid paths only, pytorch-crf over all. In "lengths mixed" the sentences have 1 to
``--words`` words.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torchcrf  # type: ignore[import-untyped]
from harness import Work, arguments, command, compare, positive, report

from coner.core.tags import TagSet
from coner.core.types import Entity
from coner.families.encoder.decoder import decoders


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


def main() -> None:
    """Measure with every number of threads."""
    parser = arguments(__doc__, rounds=40)
    parser.add_argument("--threads", type=positive, nargs="+", default=[1, 2])
    parser.add_argument("--labels", type=positive, default=33)
    parser.add_argument("--words", type=positive, default=32)
    parser.add_argument("--batch", type=positive, default=32)
    options = parser.parse_args()
    rows = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        for mixed in (False, True):
            for name, (ours, theirs) in jobs(options.labels, options.words, options.batch, mixed).items():
                work = f"{name}, threads: {threads}"
                rows.append(compare(work, "pytorch-crf", ours, theirs, rounds=options.rounds, warm=3))
    facts: dict[str, object] = {
        "tags": 2 * options.labels + 1,
        "words": options.words,
        "sentences in a batch": options.batch,
    }
    report(options.out / "crf_layer.json", "CRF layer", rows, packages=["coner", "torch", "pytorch-crf"], facts=facts)


if __name__ == "__main__":
    command(main)
