"""The record of a run: one JSON file with all that is needed to judge it, compare it and do it again; and no text.

Files are told by base name and hash, settings that are places by their last part.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from coner.errors import DataError
from coner.evaluation.counts import Counts
from coner.evaluation.results import Scores
from coner.evaluation.significance import intervals
from coner.files import atomic_write
from coner.report import machine
from coner.report.plain import plain
from coner.types import Sentence

if TYPE_CHECKING:
    from coner.config import Experiment, HybridExperiment, VoteExperiment

RECORD = "record.json"
FORMAT = 1
LEVEL, RESAMPLES = 0.95, 1000  # of the bootstrap intervals
COMPACT = ("history", "confusion", "sentences")  # a line each entry; the rest is indented
NUMBERS = (("fine", "micro_f1"), ("fine", "macro_f1"), ("coarse", "macro_f1"), ("span", "f1"))


def noisy_part(part: str) -> str:
    """The name of a part's copy with typos (``data.noise.score``)."""
    return f"{part}_noisy"


class Record(BaseModel):
    """One run.

    Attributes:
        format: version of this form.
        name, kind, seed, settings: of the experiment.
        data: for each part (train, dev, test, and the noisy copies dev_noisy and test_noisy): file, sha256, sentences,
            words, mentions, repaired, skipped; where there are further training files, they are ``extra`` of train,
            each with its weight and how many were left out.
        scores: for each part that was tagged: ``Scores.as_dict()``, and ``intervals`` of micro and macro F1.
        confusion: for each such part: gold label to predicted label to spans.
        sentences: for each such part: ``Counts.as_dict()`` of the fine labels.
        time: ``train_seconds``, and for each part seconds, sentences and words a second.
        memory: ``peak_rss_bytes``.
        size: ``parameters``, and ``bytes`` of the model's files.
        versions, commit, machine: what it was done with.
        counts: what was skipped or repaired in the files, altogether; ``scores`` tell it of the predictions too.
        history: one entry an epoch.
        fingerprint: hash of what the result depends on.
        training: what else the trainer told.
        llm: for each part that a language model was asked about: what that took, see ``llm.account``; ``None`` for
            other kinds, whose files do not have it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    name: str
    kind: str
    seed: int
    settings: dict[str, Any]
    data: dict[str, dict[str, Any]]
    scores: dict[str, dict[str, Any]]
    confusion: dict[str, dict[str, dict[str, int]]]
    sentences: dict[str, dict[str, Any]]
    time: dict[str, Any]
    memory: dict[str, int | None]
    size: dict[str, int | None]
    versions: dict[str, str]
    commit: dict[str, Any] | None
    machine: dict[str, Any]
    counts: dict[str, Any]
    history: list[dict[str, Any]]
    fingerprint: str | None
    training: dict[str, Any]
    llm: dict[str, dict[str, Any]] | None = None

    @field_validator("scores")
    @classmethod
    def _scores_are_whole(cls, scores: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for part, values in scores.items():
            for section, name in NUMBERS:
                if not isinstance(values.get(section), dict) or not isinstance(values[section].get(name), int | float):
                    raise ValueError(f"{part}.{section}.{name}: expected a number")
        return scores

    @field_validator("sentences")
    @classmethod
    def _sentences_are_counts(cls, sentences: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for part, values in sentences.items():
            try:
                Counts.from_dict(values)
            except (KeyError, TypeError) as error:
                raise ValueError(f"{part}: {error}") from None
        return sentences

    def sentence_counts(self, part: str) -> Counts:
        """Hits and misses by sentence and class of a part that was tagged."""
        return Counts.from_dict(self.sentences[part])


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
    settings: Experiment | VoteExperiment | HybridExperiment,
    *,
    parts: Mapping[str, ReadPart],
    tagged: Mapping[str, TaggedPart],
    folder: Path,
    facts: Mapping[str, Any],
) -> Record:
    """Put together what is known at the end of a run.

    Args:
        settings: of the experiment.
        parts: train, dev and test, as far as there are any.
        tagged: those that were tagged.
        folder: of the saved model, for its size.
        facts: what training told: ``train_seconds``, ``history``, ``parameters``, ``counts`` (of what was skipped or
            repaired), ``fingerprint`` and ``commit`` (of the code that trained; by default that of now), each where
            there is one; others are kept as they are, in ``training``.
    """
    told = plain(dict(facts))
    data = {name: _describe(part) for name, part in parts.items()}
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
        scores={name: scores_with_intervals(part.scores) for name, part in tagged.items()},
        confusion={name: {k: dict(v) for k, v in part.scores.fine.confusion.items()} for name, part in tagged.items()},
        sentences={name: part.scores.fine.counts.as_dict() for name, part in tagged.items()},
        time={**time, **{name: _speed(data[name], part.seconds) for name, part in tagged.items()}},
        memory={"peak_rss_bytes": machine.peak_memory()},
        size={"parameters": told.pop("parameters", None), "bytes": _bytes(folder)},
        versions=machine.versions(),
        commit=told.pop("commit", None) or machine.commit(),
        machine=machine.machine(),
        counts={**counts, **told.pop("counts", {})},
        history=told.pop("history", []),
        fingerprint=told.pop("fingerprint", None),
        training=told,
        llm={name: part.llm for name, part in tagged.items() if part.llm is not None} or None,
    )


def add_part(record: Record, name: str, part: ReadPart, tagged: TaggedPart) -> Record:
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


def write_record(record: Record, folder: Path) -> None:
    """Write ``record.json`` into the run's folder, whole or not at all; ``OutputError`` where that cannot be."""
    values = record.model_dump(mode="json", exclude={"llm"} if record.llm is None else None)
    lines = [f"{json.dumps(key)}: {_text(values[key], compact=key in COMPACT)}" for key in values]
    with atomic_write(folder / RECORD) as handle:
        handle.write("{\n" + ",\n".join(lines) + "\n}\n")


def record_path(place: str | Path) -> Path:
    """Where the record of a run folder is; a file is its own."""
    path = Path(place)
    return path / RECORD if path.is_dir() else path


def read_record(place: str | Path) -> Record:
    """Read a run folder's record, or a record file.

    Raises:
        DataError: it is missing, damaged, or of a newer format.
    """
    path = record_path(place)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("no record; expected a run folder with a finished run, or a record file", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from None
    except (ValueError, RecursionError):  # not UTF-8 or not JSON
        raise DataError("damaged: not valid JSON; get the file again, or run again", path) from None
    if not isinstance(values, dict) or type(values.get("format")) is not int:
        raise DataError("not a record: expected a JSON object with the key format", path)
    if values["format"] > FORMAT:
        raise DataError(f"format {values['format']}; this version of coner reads up to {FORMAT}: update coner", path)
    try:
        return Record.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise DataError(f"damaged: {where}: {fault['msg']}; get the file again, or run again", path) from None


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


def _text(value: Any, *, compact: bool) -> str:
    if not compact:
        return json.dumps(value, ensure_ascii=False, indent=2)
    if isinstance(value, dict):
        inner = ",\n".join(
            f"  {json.dumps(k, ensure_ascii=False)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items()
        )
        return "{\n" + inner + "\n}"
    return "[\n" + ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in value) + "\n]"
