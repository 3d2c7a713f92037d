"""Records of runs that never were: a few sentences, and what three taggers could have found in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from coner.config.data import DataSettings
from coner.core.types import Entity, Sentence, surfaces
from coner.data import Corpus
from coner.data.splits import Split
from coner.evaluation.score import score_sentences
from coner.families.crf.settings import CrfExperiment
from coner.records.record import Record
from coner.records.recording import add_split, make_record
from coner.runs.evaluate import Evaluated

GROUPS = {"Artist": "Person", "City": "Place"}
SENTENCES = (
    Sentence(("ninasimone", "zorblax", "sang"), (Entity(0, 2, "Artist"),)),
    Sentence(("osloville", "|", "romaburg"), (Entity(0, 1, "City"), Entity(2, 3, "City"))),
    Sentence(("nothinghappened",), ()),
) * 4
Found = list[tuple[Entity, ...]]
PERFECT: Found = [sentence.entities or () for sentence in SENTENCES]
NOTHING: Found = [() for _ in SENTENCES]
# Artists only, and in every second sentence; each city is taken for an artist.
POOR: Found = [
    tuple(replace(entity, label="Artist") for entity in entities) if i % 2 else () for i, entities in enumerate(PERFECT)
]


def fake_record(
    found: Found,
    *,
    folder: Path,
    name: str = "run",
    parts: Sequence[str] = ("dev",),
    sentences: Sequence[Sentence] = SENTENCES,
    sha256: str = "d" * 64,
    facts: Mapping[str, Any] | None = None,
    seen: bool = True,
    groups: Mapping[str, str] = GROUPS,
    seed: int = 42,
) -> Record:
    """The record of a run that found ``found`` in each of ``parts``."""
    files = {part: Path(f"/home/ada/secret/{part}.conll") for part in ("train", *parts)}
    known = surfaces(sentences[:1]) if seen else None
    scores = score_sentences(sentences, found, groups=groups, seen=known)
    splits = {part: Split(Corpus(tuple(sentences), path, repaired=1), sha256) for part, path in files.items()}
    record = make_record(
        CrfExperiment(kind="crf", name=name, seed=seed, data=DataSettings(**files)),
        splits={"train": splits["train"]},
        folder=folder,
        facts={"train_seconds": 60.0} if facts is None else facts,
    )
    for part in parts:
        record = add_split(record, part, splits[part], Evaluated(scores, 2.0))
    return record
