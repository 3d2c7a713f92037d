"""Make the record of a run from its data, its model and its scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coner.core.files import as_text
from coner.core.types import mentions_of
from coner.core.untrusted import read_json
from coner.evaluation.results import Scores
from coner.evaluation.significance import intervals
from coner.records import machine
from coner.records.plain import plain
from coner.records.record import Record

if TYPE_CHECKING:
    from coner.config.experiment import Experiment
    from coner.data.split import Split

LEVEL, RESAMPLES = 0.95, 1000  # of the bootstrap intervals


@dataclass(frozen=True)
class Evaluated:
    """Scores, time and usage of one evaluated split."""

    scores: Scores  # over the sentences that have an answer
    seconds: float | None  # for tagging; ``None`` if some answers came from a ledger, which says nothing about speed
    llm: dict[str, Any] | None = None  # usage of an endpoint, see ``Usage.as_record``; ``None`` if none was called


def make_record(settings: Experiment, *, splits: Mapping[str, Split], folder: Path, facts: Mapping[str, Any]) -> Record:
    """Make the record of a run that was built and not yet evaluated; ``add_split`` adds an evaluation.

    Args:
        settings: of the experiment.
        splits: those that the tagger was built from.
        folder: of the saved model, for its size.
        facts: about the training: ``train_seconds``, ``history``, ``parameters``, ``bytes``, ``counts`` (of what was
            skipped or repaired), ``fingerprint``, ``commit`` (of the code that trained; default: the present one) and
            ``peak_rss_bytes`` (default: that of the process); others are kept in ``training``.
    """
    rest = plain(dict(facts))
    data = {name: _describe(split) for name, split in splits.items()}
    counts: Counter[str] = Counter()
    for name, entry in data.items():
        for key, file in [(name, entry), *(("extra", extra) for extra in entry["extra"])]:
            counts.update(_faults(key, file))
    return Record.model_validate(
        {
            "name": settings.name,
            "kind": settings.kind,
            "seed": settings.seed,
            "settings": plain(settings.model_dump()),
            "data": data,
            "scores": {},
            "confusion": {},
            "sentences": {},
            "time": {"train_seconds": rest.pop("train_seconds", None)},
            "memory": {"peak_rss_bytes": rest.pop("peak_rss_bytes", machine.peak_memory())},
            "size": {"parameters": rest.pop("parameters", None), "bytes": rest.pop("bytes", _bytes(folder))},
            "versions": machine.versions(),
            "commit": rest.pop("commit", None) or machine.commit(),
            "machine": machine.machine(),
            "counts": {**counts, **rest.pop("counts", {})},
            "history": rest.pop("history", []),
            "fingerprint": rest.pop("fingerprint", None),
            "training": rest,
        }
    )


def add_split(record: Record, name: str, split: Split, evaluated: Evaluated) -> Record:
    """Return the record with the evaluation of one more split."""
    values, fine, seconds = record.as_dict(), evaluated.scores.fine, evaluated.seconds
    values["data"][name] = data = _describe(split)
    values["counts"] |= _faults(name, data)
    values["scores"][name] = scores_with_intervals(evaluated.scores)
    values["confusion"][name] = fine.confusion
    values["sentences"][name] = fine.counts
    rates = {f"{what}_per_second": data[what] / seconds if seconds else None for what in ("sentences", "words")}
    values["time"][name] = {"seconds": seconds, **rates}
    if evaluated.llm is not None:
        values.setdefault("llm", {})[name] = evaluated.llm
    return Record.model_validate(values)


def scores_with_intervals(scores: Scores) -> dict[str, Any]:
    """``Scores.as_dict()`` with bootstrap percentile intervals as ``[low, high]``, by metric."""
    by_metric = intervals(scores.fine.counts, level=LEVEL, resamples=RESAMPLES)
    bounds = {name: [interval.low, interval.high] for name, interval in by_metric.items()}
    return {**scores.as_dict(), "intervals": {"level": LEVEL, "resamples": RESAMPLES, **bounds}}


def _describe(split: Split) -> dict[str, Any]:
    extra = [{**_file(each), "weight": each.weight, "left_out": len(each.left_out)} for each in split.extras]
    return {**_file(split), "extra": extra}


def _file(split: Split) -> dict[str, Any]:
    corpus = split.corpus
    return {
        "file": as_text(corpus.path.name),
        "sha256": split.sha256,
        "sentences": len(corpus),
        "words": sum(map(len, corpus)),
        "mentions": sum(len(mentions_of(sentence)) for sentence in corpus),
        "repaired": corpus.repaired,
        "skipped": corpus.skipped,
    }


def _faults(name: str, data: Mapping[str, Any]) -> dict[str, int]:
    return {f"{what}_{name}": data[what] for what in ("repaired", "skipped")}


def _bytes(folder: Path) -> int | None:
    """The size of the files that ``model.json`` names."""
    try:
        manifest = read_json(folder / "model.json")
        return sum(int(entry["bytes"]) for entry in manifest["files"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
