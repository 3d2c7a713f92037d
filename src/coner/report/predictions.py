"""Predictions of several runs in the same sentences, read from their folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coner.core.errors import DataError
from coner.core.types import Entity
from coner.evaluation.score import score
from coner.records.record import RECORD, Record
from coner.records.tagged import TaggedSentence, read_tagged, tagged_path


@dataclass(frozen=True)
class Predictions:
    """Sentences that runs share.

    Attributes:
        words, gold: of each sentence; empty where no run has any.
        predicted: by run, the entities of each sentence.
        absent: the other runs, and the reason why they have none.
    """

    words: tuple[tuple[str, ...], ...]
    gold: tuple[tuple[Entity, ...], ...]
    predicted: Mapping[str, tuple[tuple[Entity, ...], ...]]
    absent: Mapping[str, str]


def folder_of(place: Path) -> Path | None:
    """The folder of a run that is named by it or by the ``record.json`` in it; ``None`` for a record elsewhere."""
    return place if place.is_dir() else place.parent if place.name == RECORD else None


def read_predictions(
    records: Mapping[str, Record], folders: Mapping[str, Path | None], *, split: str, baseline: str
) -> Predictions:
    """Read the predictions of runs on a split, as far as their folders have them.

    Args:
        records: by the name of the run.
        folders: of each run, ``None`` where there is only a record.
        split: of the data.
        baseline: the run whose sentences are taken where runs differ in them, if it has any.

    Raises:
        DataError: a file is damaged.
    """
    words: tuple[tuple[str, ...], ...] = ()
    gold: tuple[tuple[Entity, ...], ...] = ()
    predicted, absent = dict[str, tuple[tuple[Entity, ...], ...]](), dict[str, str]()
    for run in sorted(records, key=lambda run: run != baseline):
        folder = folders[run]
        path = None if folder is None else tagged_path(folder, split)
        if path is None or not path.is_file():
            absent[run] = "a record without its folder" if path is None else f"no {path.name} in its folder"
            continue
        tagged = read_tagged(path)
        here = tuple(sentence.words for sentence in tagged)
        truth = tuple(sentence.gold for sentence in tagged)
        if not _belongs(tagged, records[run], split):
            absent[run] = f"its {path.name} is of another run than its record"
        elif not predicted or (here, truth) == (words, gold):
            words, gold = here, truth
            predicted[run] = tuple(sentence.predicted for sentence in tagged)
        else:
            absent[run] = f"its sentences are not those of {next(iter(predicted))}"
    return Predictions(words, gold, {run: predicted[run] for run in records if run in predicted}, absent)


def _belongs(tagged: Sequence[TaggedSentence], record: Record, split: str) -> bool:
    """Whether the sentences give the confusion and the counts of the record."""
    try:
        fine = score([sentence.gold for sentence in tagged], [sentence.predicted for sentence in tagged]).fine
    except DataError:  # entities that no run could have been scored by
        return False
    confusion = {gold: dict(row) for gold, row in fine.confusion.items()}
    return confusion == record.confusion[split] and fine.counts == record.sentences[split]
