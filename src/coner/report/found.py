"""What several runs found in the same sentences, read from their folders: the sentences once, the findings by run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coner.core.errors import DataError
from coner.core.types import Entity
from coner.evaluation.counts import Counts
from coner.evaluation.score import score
from coner.records.record import RECORD, Record
from coner.records.tagged import TaggedSentence, read_tagged, tagged_path


@dataclass(frozen=True)
class Found:
    """Sentences that runs share.

    Attributes:
        words, gold: of each sentence; of none where no run has any.
        predicted: by run, the entities of each sentence.
        absent: the other runs, and why there is nothing of them.
    """

    words: tuple[tuple[str, ...], ...]
    gold: tuple[tuple[Entity, ...], ...]
    predicted: Mapping[str, tuple[tuple[Entity, ...], ...]]
    absent: Mapping[str, str]


def run_folder(place: Path) -> Path | None:
    """The folder of a run that is named by it or by the ``record.json`` in it; of a record elsewhere there is none."""
    return place if place.is_dir() else place.parent if place.name == RECORD else None


def read_found(records: Mapping[str, Record], folders: Mapping[str, Path | None], *, part: str, baseline: str) -> Found:
    """Read what the runs found in a part, as far as their folders tell.

    Args:
        records: by the name of the run.
        folders: of each run, ``None`` where there is only a record.
        part: of the data.
        baseline: the run whose sentences are taken where runs differ in them, if it has any.

    Raises:
        DataError: a file is damaged.
    """
    words: tuple[tuple[str, ...], ...] = ()
    gold: tuple[tuple[Entity, ...], ...] = ()
    predicted, absent = dict[str, tuple[tuple[Entity, ...], ...]](), dict[str, str]()
    for run in sorted(records, key=lambda run: run != baseline):
        folder = folders[run]
        path = None if folder is None else tagged_path(folder, part)
        if path is None or not path.is_file():
            absent[run] = "a record without its folder" if path is None else f"no {path.name} in its folder"
            continue
        tagged = read_tagged(path)
        here = tuple(sentence.words for sentence in tagged)
        truth = tuple(sentence.gold for sentence in tagged)
        if not _belongs(tagged, records[run], part):
            absent[run] = f"its {path.name} is of another run than its record"
        elif not predicted or (here, truth) == (words, gold):
            words, gold = here, truth
            predicted[run] = tuple(sentence.predicted for sentence in tagged)
        else:
            absent[run] = f"its sentences are not those of {next(iter(predicted))}"
    ordered = {run: predicted[run] for run in records if run in predicted}
    return Found(words, gold, ordered, absent)


def _belongs(tagged: Sequence[TaggedSentence], record: Record, part: str) -> bool:
    """Whether the sentences give the confusion that the record tells."""
    try:
        scores = score([sentence.gold for sentence in tagged], [sentence.predicted for sentence in tagged])
    except DataError:  # no set of entities that a run could have been judged by
        return False
    same = {gold: dict(row) for gold, row in scores.fine.confusion.items()} == record.confusion.get(part)
    if part in record.sentences:  # which tell what was missed or made up, too
        same = same and _cells(scores.fine.counts) == _cells(record.sentence_counts(part))
    return same and scores.sentences == record.scores[part].get("sentences")


def _cells(counts: Counts) -> set[tuple[int, str, int, int, int]]:
    labels = [counts.labels[label] for label in counts.label.tolist()]
    columns = (counts.sentence.tolist(), labels, counts.tp.tolist(), counts.fp.tolist(), counts.fn.tolist())
    return set(zip(*columns, strict=True))
