"""Scoring a corpus from its tags: ours compared with seqeval (strict, IOB2) and nervaluate.

    python benchmarks/scoring.py [--sentences 250000] [--nervaluate 25000] [--rounds 5]

Gold tags repeat the packaged sample; predicted tags have other labels, shorter mentions and gaps. All three read lists
of tags in memory and return the scores of each class. Micro and macro F1 must equal seqeval's. nervaluate scores by
four schemes at once, in time that grows with the number of classes, so it gets fewer sentences.
"""

from __future__ import annotations

import random

from harness import SAMPLE, arguments, command, compare, positive, report
from nervaluate.evaluator import Evaluator  # type: ignore[import-untyped]
from seqeval.metrics import classification_report  # type: ignore[import-untyped]
from seqeval.scheme import IOB2  # type: ignore[import-untyped]

from coner.core.tags import tags_from_entities
from coner.core.types import Entity
from coner.data import read
from coner.evaluation.score import score_tags

Tags = list[list[str]]


def corpus(count: int) -> tuple[Tags, Tags, list[str]]:
    """Gold and predicted tags of ``count`` sentences, and the labels."""
    sentences = [s for split in ("train", "dev", "test") for s in read(SAMPLE / f"{split}.conll", gold=True)]
    labels = sorted({entity.label for sentence in sentences for entity in sentence.entities or ()})
    rng = random.Random(1)
    gold, predicted = [], []
    for index in range(count):
        sentence = sentences[index % len(sentences)]
        entities = sentence.entities or ()
        gold.append(tags_from_entities(entities, len(sentence)))
        found = [changed for entity in entities for changed in _changed(entity, labels, rng)]
        predicted.append(tags_from_entities(found, len(sentence)))
    return gold, predicted, labels


def _changed(entity: Entity, labels: list[str], rng: random.Random) -> list[Entity]:
    """Of ten mentions six are kept, two get a random label, one loses its first word, one is dropped."""
    kind = rng.random()
    if kind < 0.6:
        return [entity]
    if kind < 0.8:
        return [Entity(entity.start, entity.end, rng.choice(labels))]
    shorter = Entity(entity.start + 1, entity.end, entity.label)
    return [shorter] if kind < 0.9 and shorter.start < shorter.end else []


def main() -> None:
    """Check that the scores agree, then measure."""
    parser = arguments(__doc__)
    parser.add_argument("--sentences", type=positive, default=250_000)
    parser.add_argument("--nervaluate", type=positive, default=25_000, help="sentences that nervaluate gets")
    options = parser.parse_args()
    gold, predicted, labels = corpus(options.sentences)
    few = min(options.nervaluate, options.sentences)

    def seqeval() -> dict[str, dict[str, float]]:
        scores: dict[str, dict[str, float]] = classification_report(
            gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
        )
        return scores

    ours, theirs = score_tags(gold, predicted).fine, seqeval()
    pairs = (ours.micro_f1, theirs["micro avg"]["f1-score"]), (ours.macro_f1, theirs["macro avg"]["f1-score"])
    assert all(abs(a - b) < 1e-9 for a, b in pairs), pairs
    rows = [
        compare(
            f"{options.sentences:,} sentences",
            "seqeval",
            lambda: score_tags(gold, predicted),
            seqeval,
            rounds=options.rounds,
            warm=0,
            goal=10,
        ),
        compare(
            f"{few:,} sentences",
            "nervaluate",
            lambda: score_tags(gold[:few], predicted[:few]),
            lambda: Evaluator(gold[:few], predicted[:few], tags=labels, loader="list").evaluate(),
            rounds=options.rounds,
            warm=0,
            goal=30,
        ),
    ]
    words = sum(map(len, gold))
    facts: dict[str, object] = {
        "words": words,
        "micro F1, seqeval's": [round(float(x), 9) for x in pairs[0]],
        "macro F1, seqeval's": [round(float(x), 9) for x in pairs[1]],
    }
    report(
        options.out / "scoring.json", "Scoring", rows, packages=["coner", "numpy", "seqeval", "nervaluate"], facts=facts
    )


if __name__ == "__main__":
    command(main)
