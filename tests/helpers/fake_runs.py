"""Made-up runs with sentences and confidences, for tests of the page."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from coner.core.types import Entity, Sentence
from coner.data.taxonomy import load_taxonomy
from coner.records.record import write_record
from coner.records.sections import ModelSize
from coner.records.tagged import tagged_path, write_tagged
from helpers.records import edited, fake_record

GROUPS = load_taxonomy("multiconer2").coarse_by_fine
LABELS = tuple(GROUPS)
HOSTILE = ("</script><img", "src=x", "onerror=alert(1)>", "<!--", "&lt;b&gt;", "zweiundvierzig", "'\"`${1}", "\u2028é")


def sentences(count: int, *, seed: int = 0) -> list[Sentence]:
    """Fifteen words each, two mentions in most; the first contains HTML and JavaScript."""
    rng, made = random.Random(seed), list[Sentence]()
    for number in range(count):
        words = tuple(f"word{rng.randrange(5000)}" for _ in range(15)) if number else HOSTILE
        starts = (rng.randrange(3), 6 + rng.randrange(2))[: rng.choice((1, 2, 2)) if number else 1]
        mentions = tuple(Entity(at, at + 1 + rng.randrange(2), rng.choice(LABELS)) for at in starts)
        made.append(Sentence(words, mentions))
    return made


def fake_predictions(gold: Sequence[Sentence], *, quality: float, seed: int) -> list[tuple[Entity, ...]]:
    """Predictions that are correct with the probability ``quality``."""
    rng, made = random.Random(seed), list[tuple[Entity, ...]]()
    for sentence in gold:
        entities = []
        for entity in sentence.entities or ():
            kind, score = rng.random(), round(rng.random(), 4)
            if kind < quality:
                entities.append(Entity(entity.start, entity.end, entity.label, score))
            elif kind < quality + 0.15:
                entities.append(Entity(entity.start, entity.end, rng.choice(LABELS), score))
            elif kind < quality + 0.2:
                entities.append(Entity(entity.end, entity.end + 1, entity.label, score))
        made.append(tuple(entities))
    return made


def make_run(folder: Path, gold: Sequence[Sentence], *, quality: float, seed: int = 0, name: str | None = None) -> Path:
    """Make a run folder with a record and predictions on dev."""
    folder.mkdir(parents=True)
    predicted = fake_predictions(gold, quality=quality, seed=seed)
    history = [
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "coarse_loss": 0.5 / epoch,
            "dev_macro_f1": quality * epoch / 3,
            "weight": 1 / epoch,
        }
        for epoch in (1, 2, 3)
    ]
    facts = {"train_seconds": 60.0 * (seed + 1), "history": history}
    record = fake_record(
        predicted, folder=folder, name=name or folder.name, sentences=gold, facts=facts, groups=GROUPS, seed=seed
    )
    write_record(edited(record, "size", ModelSize(parameters=10, bytes=1_000_000 * (seed + 2))), folder)
    write_tagged(tagged_path(folder, "dev"), gold, predicted)
    return folder
