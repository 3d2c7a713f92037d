"""From what a run has read, trained and tagged to its record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from coner.core.types import Sentence
from coner.evaluation.results import Scores
from coner.evaluation.significance import intervals
from coner.records import machine
from coner.records.plain import plain
from coner.records.record import Record

if TYPE_CHECKING:
    from coner.config.experiment import Experiment

LEVEL, RESAMPLES = 0.95, 1000  # of the bootstrap intervals


class ReadFile(Protocol):
    """A data file as it was read, as ``coner.data.Corpus`` is."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Sentence]: ...
    @property
    def path(self) -> Path: ...
    @property
    def repaired(self) -> int: ...
    @property
    def skipped(self) -> int: ...


class ReadExtra(Protocol):
    """A further training file with its hash, its weight, and what of it was left out."""

    @property
    def corpus(self) -> ReadFile: ...
    @property
    def sha256(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def left_out(self) -> Sequence[int]: ...


class ReadPart(Protocol):
    """A data file with its hash, and further files that belong to it."""

    @property
    def corpus(self) -> ReadFile: ...
    @property
    def sha256(self) -> str: ...
    @property
    def extras(self) -> Sequence[ReadExtra]: ...


class TaggedPart(Protocol):
    """How a part was tagged, how many seconds that took, and what a language model was asked for it."""

    @property
    def scores(self) -> Scores: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def llm(self) -> dict[str, Any] | None: ...


def make_record(
    settings: Experiment,
    *,
    splits: Mapping[str, ReadPart],
    folder: Path,
    facts: Mapping[str, Any],
) -> Record:
    """Put together what is known at the end of a run.

    Args:
        settings: of the experiment.
        splits: those that the tagger was built from.
        folder: of the saved model, for its size.
        facts: what training told: ``train_seconds``, ``history``, ``parameters``, ``counts`` (of what was skipped or
            repaired), ``fingerprint``, ``commit`` (of the code that trained; by default that of now) and
            ``peak_rss_bytes`` (by default that of the process), each where there is one; others are kept as they are,
            in ``training``.
    """
    told = plain(dict(facts))
    data = {name: _describe(part) for name, part in splits.items()}
    files = [*data.items(), *(("extra", extra) for entry in data.values() for extra in entry.get("extra", ()))]
    counts: Counter[str] = Counter()
    for name, entry in files:
        counts.update({f"{what}_{name}": entry[what] for what in ("repaired", "skipped")})
    time = {"train_seconds": told.pop("train_seconds", None)}
    return Record(
        name=settings.name,
        kind=settings.kind,
        seed=settings.seed,
        settings=plain(settings.model_dump()),
        data=data,
        scores={},
        confusion={},
        sentences={},
        time=time,
        memory={"peak_rss_bytes": told.pop("peak_rss_bytes", machine.peak_memory())},
        size={"parameters": told.pop("parameters", None), "bytes": told.pop("bytes", _bytes(folder))},
        versions=machine.versions(),
        commit=told.pop("commit", None) or machine.commit(),
        machine=machine.machine(),
        counts={**counts, **told.pop("counts", {})},
        history=told.pop("history", []),
        fingerprint=told.pop("fingerprint", None),
        training=told,
        llm=None,
    )


def add_split(record: Record, name: str, part: ReadPart, tagged: TaggedPart) -> Record:
    """The record with one more part, tagged after the run was finished."""
    data = _describe(part)
    added = {
        "data": data,
        "scores": scores_with_intervals(tagged.scores),
        "confusion": {gold: dict(row) for gold, row in tagged.scores.fine.confusion.items()},
        "sentences": tagged.scores.fine.counts.as_dict(),
        "time": _speed(data, tagged.seconds),
    }
    sections = {section: {**getattr(record, section), name: values} for section, values in added.items()}
    mended = {f"{what}_{name}": data[what] for what in ("repaired", "skipped")}
    llm = record.llm if tagged.llm is None else {**(record.llm or {}), name: tagged.llm}
    return record.model_copy(update={**sections, "counts": {**record.counts, **mended}, "llm": llm})


def scores_with_intervals(scores: Scores) -> dict[str, Any]:
    """``Scores.as_dict()`` with bootstrap percentile intervals of micro and macro F1, as ``[low, high]``."""
    found = intervals(scores.fine.counts, level=LEVEL, resamples=RESAMPLES)
    bounds = {name: [interval.low, interval.high] for name, interval in found.items()}
    return {**scores.as_dict(), "intervals": {"level": LEVEL, "resamples": RESAMPLES, **bounds}}


def _describe(part: ReadPart) -> dict[str, Any]:
    extras = [
        {**_describe_file(extra.corpus, extra.sha256), "weight": extra.weight, "left_out": len(extra.left_out)}
        for extra in part.extras
    ]
    return {**_describe_file(part.corpus, part.sha256), **({"extra": extras} if extras else {})}


def _describe_file(corpus: ReadFile, sha256: str) -> dict[str, Any]:
    return {
        "file": corpus.path.name,
        "sha256": sha256,
        "sentences": len(corpus),
        "words": sum(map(len, corpus)),
        "mentions": sum(len(sentence.entities or ()) for sentence in corpus),
        "repaired": corpus.repaired,
        "skipped": corpus.skipped,
    }


def _speed(part: Mapping[str, Any], seconds: float | None) -> dict[str, float | None]:
    rates = {f"{what}_per_second": part[what] / seconds if seconds else None for what in ("sentences", "words")}
    return {"seconds": seconds, **rates}


def _bytes(folder: Path) -> int | None:
    """The size of the files that ``model.json`` names."""
    try:
        card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        return sum(int(entry["bytes"]) for entry in card["files"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
