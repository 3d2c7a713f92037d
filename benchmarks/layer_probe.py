"""Which layers of a frozen encoder separate the tags? A linear softmax on each layer, and on concatenations.

Each layer's word vectors (first piece) are computed once; then a linear layer is fitted on the training sentences and
scored on the dev file. It suggests values of ``head.layers`` and ``encoder.keep_layers``, but does not predict the
scores after fine-tuning.

    python benchmarks/layer_probe.py mpnet --train data/train.conll --dev data/dev.conll --sentences 2000
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from coner.core.progress import progress_bar
from coner.core.tags import TagSet
from coner.core.types import Sentence
from coner.data import read
from coner.evaluation.score import score
from coner.families.encoder.backbone.batch import collate
from coner.families.encoder.backbone.layout import split_by_budget
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pooling import Pooling
from coner.families.encoder.backbone.pretrained import load_encoder
from coner.families.encoder.cpu.accelerate import accelerated, native_precision

CPU = torch.device("cpu")
EPOCHS, BATCH, RATE = 30, 512, 2e-3


def word_vectors(name: str, sentences: Sequence[Sentence]) -> list[Tensor]:
    """One tensor per layer (0: embeddings), of all words in order. N x H, float32."""
    encoder, tokenizer = load_encoder(name)
    encoder.eval()
    maker = PieceMaker(tokenizer, limit=piece_limit(encoder.config))
    pieces = maker([sentence.words for sentence in sentences])
    pooling = Pooling(range(encoder.config.num_hidden_layers + 1), "first")
    parts: list[list[Tensor]] = [[] for _ in pooling.layers]
    precision = native_precision("auto", CPU)
    with (
        torch.inference_mode(),
        accelerated(encoder, precision),
        progress_bar("encoding", len(sentences)) as shown,
    ):
        for some in split_by_budget(range(len(pieces)), [len(p.ids) for p in pieces], 2048):
            batch = collate([pieces[i] for i in some], maker)
            output = encoder(input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True)
            for layer, vectors in zip(parts, pooling(output.hidden_states, batch.pieces), strict=True):
                layer.append(vectors)
            shown.advance(len(some))
    return [torch.cat(layer) for layer in parts]


def probe(train: Tensor, gold: Tensor, dev: Tensor, tags: int) -> list[int]:
    """Tag ids of the dev words, from a linear softmax fitted on standardised training vectors."""
    mean, deviation = train.mean(0), train.std(0) + 1e-6
    train, dev = (train - mean) / deviation, (dev - mean) / deviation
    torch.manual_seed(0)
    layer = nn.Linear(train.shape[1], tags)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE, weight_decay=0.1)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(train)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(layer(train[rows]), gold[rows]).backward()
            optimizer.step()
    with torch.inference_mode():
        return list(layer(dev).argmax(1).tolist())


def main() -> None:
    """Read the arguments, probe, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder")
    parser.add_argument("--train", required=True)
    parser.add_argument("--dev", required=True)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--concat", action="append", default=[], help="layers side by side, such as 6,9,12")
    options = parser.parse_args()
    corpus = list(read(options.train, gold=True))
    train = random.Random(0).sample(corpus, min(options.sentences, len(corpus)))
    dev = list(read(options.dev, gold=True))
    tags = TagSet(sorted({e.label for s in corpus for e in s.entities or ()}))
    gold = torch.tensor([tag for s in train for tag in tags.encode(s.entities or (), len(s))])
    layers = word_vectors(options.encoder, [*train, *dev])
    choices = [(i,) for i in range(len(layers))] + [tuple(map(int, text.split(","))) for text in options.concat]
    title = f"{options.encoder}, frozen, {len(train)} sentences"
    table = Table("layers", "micro F1", "macro F1", "span F1", title=title)
    for chosen in choices:
        vectors = torch.cat([layers[i] for i in chosen], dim=1)
        found, ids = [], iter(probe(vectors[: len(gold)], gold, vectors[len(gold) :], len(tags)))
        for sentence in dev:
            found.append(tags.decode([next(ids) for _ in sentence.words])[0])
        scores = score(dev, found)
        table.add_row(
            "+".join(map(str, chosen)),
            *(f"{x:.3f}" for x in (scores.fine.micro_f1, scores.fine.macro_f1, scores.span.f1)),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
