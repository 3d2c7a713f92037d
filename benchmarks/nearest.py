"""Do the nearest training words improve a trained encoder tagger? Nothing is trained.

The probability of each tag of a word becomes ``(1 - w) softmax(emissions) + w nearest``, as in kNN-NER (Wang et al.
2022, arXiv 2203.17103): ``nearest`` are the gold tags of the k training words with the most similar vectors (cosine of
the input of the last layer), weighted by ``exp(similarity / t)``. The decoder of the model then chooses the tags.

    python benchmarks/nearest.py runs/alone --train train.conll --dev dev.conll --test test.conll

k, t and w are chosen on dev by macro F1 (w = 0 is the model alone); test is scored with that choice and without
neighbours, with the paired 95 % interval of the difference.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from harness import arguments, command
from torch import Tensor
from torch.nn import functional

from coner.core.errors import ConerError
from coner.core.files import atomic_write
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.evaluation.metrics import macro_f1, micro_f1
from coner.evaluation.score import score
from coner.evaluation.significance import difference
from coner.families import load
from coner.families.encoder.backbone.pieces import Pieces
from coner.families.encoder.tagger import EncoderTagger

METRICS = {"micro_f1": micro_f1, "macro_f1": macro_f1}
NEIGHBOURS, TEMPERATURES, WEIGHTS = (8, 32, 128), (0.02, 0.05, 0.1), (0.0, 0.1, 0.2, 0.3, 0.5)
BLOCK = 1024  # words whose neighbours are looked for at once
Predicted = list[Sequence[Entity]]


class Words(NamedTuple):
    """The words of some sentences, in order: N.

    Attributes:
        vectors: of length 1. N x H
        scores: log probabilities of the tags, each word by itself. N x C
        lengths: words of each sentence.
    """

    vectors: Tensor
    scores: Tensor
    lengths: list[int]


class Choice(NamedTuple):
    """How many neighbours are used, the temperature of their weights, and the weight of all."""

    k: int
    t: float
    w: float


@torch.inference_mode()
def words_of(tagger: EncoderTagger, sentences: Sequence[Sentence]) -> Words:
    """Vectors and scores of all words."""
    network = tagger.network

    def one_pass(pieces: Sequence[Pieces]) -> list[tuple[Tensor, Tensor]]:
        batch = tagger.collate(pieces)
        words, lengths = network.words(batch), batch.words.lengths.tolist()
        return list(zip(words.split(lengths), network.emissions(words).split(lengths), strict=True))

    found = [item for item in tagger.in_passes(sentences, one_pass) if item is not None]
    vectors, scores = (torch.cat([item[at] for item in found]).float() for at in (0, 1))
    return Words(functional.normalize(vectors), scores.log_softmax(1), [len(sentence) for sentence in sentences])


def nearest(words: Words, store: Words, gold: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Similarities and gold tags of the most similar words of the store, best first. N x most each"""
    found = [(block @ store.vectors.T).topk(most) for block in words.vectors.split(BLOCK)]
    return torch.cat([top.values for top in found]), gold[torch.cat([top.indices for top in found])]


def predict(tagger: EncoderTagger, words: Words, neighbours: tuple[Tensor, Tensor], choice: Choice) -> Predicted:
    """The entities of each sentence."""
    similarities, tags = (values[:, : choice.k] for values in neighbours)
    votes = torch.zeros_like(words.scores).scatter_add_(1, tags, (similarities / choice.t).softmax(1))
    mixed = torch.log((1 - choice.w) * words.scores.exp() + choice.w * votes + 1e-30)
    found: Predicted = []
    for emissions, length in zip(mixed.split(words.lengths), words.lengths, strict=True):
        (ids,) = tagger.network.decoder.decode(emissions[None], torch.tensor([length]))
        found.append(tagger.tags.decode(ids)[0])
    return found


def choices() -> Iterator[Choice]:
    """What is tried on dev: the model alone, then every combination."""
    yield Choice(NEIGHBOURS[0], TEMPERATURES[0], 0.0)
    for k, t, w in itertools.product(NEIGHBOURS, TEMPERATURES, WEIGHTS[1:]):
        yield Choice(k, t, w)


def main() -> None:
    """Choose on dev, score test, print and write the result."""
    parser = arguments(__doc__)
    parser.add_argument("model", help="folder of an encoder tagger")
    for name in ("train", "dev", "test"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    tagger = load(options.model)
    if not isinstance(tagger, EncoderTagger):
        raise ConerError(f"{options.model}: got a model of kind {tagger.kind}; expected an encoder")
    corpora = {name: read(getattr(options, name), gold=True) for name in ("train", "dev", "test")}
    gold = torch.tensor([tag for s in corpora["train"] for tag in tagger.tags.encode(s.entities or (), len(s))])
    words = {name: words_of(tagger, corpus) for name, corpus in corpora.items()}
    around = {name: nearest(words[name], words["train"], gold, max(NEIGHBOURS)) for name in ("dev", "test")}
    trials = [
        (choice, score(corpora["dev"], predict(tagger, words["dev"], around["dev"], choice)).fine)
        for choice in choices()
    ]
    best = max(trials, key=lambda trial: trial[1].macro_f1)[0]
    alone, mixed = (
        score(corpora["test"], predict(tagger, words["test"], around["test"], choice)).fine
        for choice in (trials[0][0], best)
    )
    report: dict[str, Any] = {"choice": best._asdict()}
    report["dev"] = [{**choice._asdict(), **{name: getattr(fine, name) for name in METRICS}} for choice, fine in trials]
    for name, metric in METRICS.items():
        gain = difference([alone.counts], [mixed.counts], metric)
        report[name] = {
            "alone": getattr(alone, name),
            "nearest": getattr(mixed, name),
            "gain": [gain.value, gain.low, gain.high],
        }
    with atomic_write(options.out / "nearest.json") as file:
        file.write(json.dumps(report) + "\n")
    print(json.dumps({key: value for key, value in report.items() if key != "dev"}, indent=1))  # noqa: T201


if __name__ == "__main__":
    command(main)
