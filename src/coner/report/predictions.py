"""Predictions of several runs on the same sentences, read from their folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.evaluation.score import score
from coner.records.record import Record
from coner.records.tagged import read_tagged, tagged_path

Entities = tuple[tuple[Entity, ...], ...]  # of each sentence


@dataclass(frozen=True)
class Predictions:
    """Sentences that the runs share, and their predictions."""

    words: tuple[tuple[str, ...], ...]  # of each sentence; empty where no run has any
    gold: Entities
    predicted: Mapping[str, Entities]  # by run
    absent: Mapping[str, str]  # the other runs, and the reason why they have none


def read_predictions(
    records: Mapping[str, Record], folders: Mapping[str, Path | None], *, split: str, baseline: str
) -> Predictions:
    """Read the predictions of runs on a split from their folders; a folder is ``None`` if only a record was named.

    Where runs differ in their sentences, those of the baseline are taken, if it has any. ``DataError`` if a file is
    damaged.
    """
    shared: list[tuple[tuple[str, ...], tuple[Entity, ...]]] = []
    predicted, absent = dict[str, Entities](), dict[str, str]()
    for run in sorted(records, key=lambda run: run != baseline):
        folder = folders[run]
        path = None if folder is None else tagged_path(folder, split)
        if path is None or not path.is_file():
            absent[run] = "a record without its folder" if path is None else f"no {path.name} in its folder"
            continue
        sentences, entities = read_tagged(path)
        own = [(sentence.words, sentence.entities or ()) for sentence in sentences]
        if not _belongs(sentences, entities, records[run], split):
            absent[run] = f"its {path.name} is of another run than its record"
        elif predicted and own != shared:
            absent[run] = f"its sentences are not those of {next(iter(predicted))}"
        else:
            shared, predicted[run] = own, tuple(entities)
    words, gold = (tuple(column) for column in zip(*shared, strict=True)) if shared else ((), ())
    return Predictions(words, gold, {run: predicted[run] for run in records if run in predicted}, absent)


def _belongs(gold: Sequence[Sentence], predicted: Sequence[Sequence[Entity]], record: Record, split: str) -> bool:
    """Whether the sentences give the confusion and the counts of the record."""
    try:
        fine = score(gold, predicted).fine
    except DataError:  # invalid entities, which no run could have been scored on
        return False
    return fine.confusion == record.confusion[split] and fine.counts == record.sentences[split]
