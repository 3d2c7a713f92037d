"""Made-up records: a few sentences, and the predictions of three made-up taggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from coner.config.experiment import DataSettings
from coner.core.types import Entity, Sentence, surfaces
from coner.data import Corpus
from coner.data.split import Split
from coner.evaluation.score import score
from coner.families.crf.settings import CrfExperiment
from coner.records.record import Record
from coner.records.recording import Evaluated, add_split, make_record

GROUPS = {"Artist": "Person", "City": "Place"}
SENTENCES = (
    Sentence(("ninasimone", "zorblax", "sang"), (Entity(0, 2, "Artist"),)),
    Sentence(("osloville", "|", "romaburg"), (Entity(0, 1, "City"), Entity(2, 3, "City"))),
    Sentence(("nothinghappened",), ()),
) * 4
Predicted = list[tuple[Entity, ...]]
PERFECT: Predicted = [sentence.entities or () for sentence in SENTENCES]
NOTHING: Predicted = [() for _ in SENTENCES]
# Only in every second sentence, and each city is predicted as an artist.
POOR: Predicted = [
    tuple(replace(entity, label="Artist") for entity in entities) if i % 2 else () for i, entities in enumerate(PERFECT)
]


def fake_record(
    predicted: Predicted,
    *,
    folder: Path,
    name: str = "run",
    splits: Sequence[str] = ("dev",),
    sentences: Sequence[Sentence] = SENTENCES,
    sha256: str = "d" * 64,
    facts: Mapping[str, Any] | None = None,
    seen: bool = True,
    groups: Mapping[str, str] = GROUPS,
    seed: int = 42,
) -> Record:
    """The record of a run with these predictions on each of ``splits``."""
    files = {split: Path(f"/home/ada/secret/{split}.conll") for split in ("train", *splits)}
    known = surfaces(sentences[:1]) if seen else None
    scores = score(sentences, predicted, groups=groups, seen=known)
    data = {name: Split(Corpus(tuple(sentences), path, repaired=1), sha256) for name, path in files.items()}
    record = make_record(
        CrfExperiment(kind="crf", name=name, seed=seed, data=DataSettings(**files)),
        splits={"train": data["train"]},
        folder=folder,
        facts={"train_seconds": 60.0} if facts is None else facts,
    )
    for split in splits:
        record = add_split(record, split, data[split], Evaluated(scores, 2.0))
    return record


def edited(record: Record, place: str, value: Any) -> Record:
    """The record with another value at a place such as ``scores.dev.fine.macro_f1``, without any check."""
    section, *keys = place.split(".")

    def edit(node: Any, keys: Sequence[str]) -> Any:
        if not keys:
            return value
        if isinstance(node, Mapping):
            return {**node, keys[0]: edit(node.get(keys[0]), keys[1:])}
        inner = edit(getattr(node, keys[0]), keys[1:])
        if isinstance(node, BaseModel):
            return node.model_copy(update={keys[0]: inner})
        return replace(node, **{keys[0]: inner})

    return record.model_copy(update={section: edit(getattr(record, section), keys)})
