"""The record of a run: one JSON file with all that is needed to judge it, compare it and do it again; and no text.

Files are told by base name and hash, settings that are places by their last part.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.evaluation.counts import Counts
from coner.records.shape import FORMS, check_form

RECORD = "record.json"
FORMAT = 1
COMPACT = ("history", "confusion", "sentences")  # a line each entry; the rest is indented


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
        memory: ``peak_rss_bytes``; ``None`` where other runs were trained in the same process before.
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

    @field_validator(*FORMS)
    @classmethod
    def _numbers_have_their_form(cls, values: Any, info: ValidationInfo) -> Any:
        check_form(str(info.field_name), values)
        return values

    @field_validator("sentences")
    @classmethod
    def _sentences_are_counts(cls, sentences: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for part, values in sentences.items():
            try:
                Counts.from_dict(values)
            except (KeyError, TypeError, OverflowError) as error:
                raise ValueError(f"{part}: {error}") from None
        return sentences

    @model_validator(mode="after")
    def _parts_agree(self) -> Record:
        for part, scores in self.scores.items():
            classes = scores["fine"]["classes"].keys()
            confused = self.confusion.get(part, {})
            named = {*confused, *(label for others in confused.values() for label in others)}
            if unknown := sorted(named - classes):
                raise ValueError(f"confusion.{part}: {unknown[0]!r} is no class of its scores")
            counted, scored = self.sentences.get(part, {}).get("sentences"), scores.get("sentences")
            if None not in (counted, scored) and counted != scored:
                raise ValueError(f"sentences.{part}: counts of {counted} sentences, scores of {scored}")
        return self

    def sentence_counts(self, part: str) -> Counts:
        """Hits and misses by sentence and class of a part that was tagged."""
        return Counts.from_dict(self.sentences[part])


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
        values = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
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
        what = ": ".join([*(str(part) for part in fault["loc"]), fault["msg"].removeprefix("Value error, ")])
        raise DataError(f"damaged: {what}; get the file again, or run again", path) from None


def _no_number(name: str) -> None:
    raise ValueError(name)  # NaN and the like: Python reads them, JSON has no such thing


def _text(value: Any, *, compact: bool) -> str:
    if not compact:
        return json.dumps(value, ensure_ascii=False, indent=2)
    if isinstance(value, dict):
        inner = ",\n".join(
            f"  {json.dumps(k, ensure_ascii=False)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items()
        )
        return "{\n" + inner + "\n}"
    return "[\n" + ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in value) + "\n]"
