"""The record of a run: one JSON file with all that is needed to evaluate, compare and repeat it; and no text.

Files are named by base name and hash, and a setting that is a path by its last part.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, model_validator
from pydantic_core import from_json

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.untrusted import check_values, read_regular
from coner.records.packed import SentenceCounts, first_fault
from coner.records.sections import DataFile, Epoch, LlmUsage, Machine, ModelSize, RecordedScores, Times

RECORD = "record.json"
FORMAT = 2
MAX_BYTES = 1 << 29  # of a file; one of a million sentences has a few MB
WIDTH = 120


class Record(BaseModel):
    """One run. Unknown values are ``None``, and omitted from the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    name: str
    kind: str
    seed: int
    settings: dict[str, Any]
    data: dict[str, DataFile]  # by split: train, dev, test, and the noisy copies dev_noisy and test_noisy
    scores: dict[str, RecordedScores]  # by split that was evaluated, as are confusion and sentences
    confusion: dict[str, dict[str, dict[str, NonNegativeInt]]]  # gold label to predicted label to number of spans
    sentences: dict[str, SentenceCounts]  # of the fine labels
    time: Times
    memory: dict[str, int | None]  # peak in bytes; ``None`` where other runs were trained in the same process before
    size: ModelSize
    versions: dict[str, str]
    commit: dict[str, Any] | None = None
    machine: Machine
    counts: dict[str, Any]  # faults skipped or repaired in the data files; ``scores`` includes those of the predictions
    history: tuple[Epoch, ...]
    fingerprint: str | None = None  # hash of all that the result depends on
    training: dict[str, Any]  # other facts about the training, by family
    llm: dict[str, LlmUsage] = Field(default_factory=dict)  # by split for which a language model was called

    @model_validator(mode="after")
    def _sections_agree(self) -> Record:
        for split, scores in self.scores.items():
            for section in ("data", "confusion", "sentences"):
                if split not in getattr(self, section):
                    raise ValueError(f"{section}: got nothing on {split}, which has scores")
            classes, confusion = scores.fine.classes, self.confusion[split]
            named = {*confusion, *(label for row in confusion.values() for label in row)}
            if unknown := sorted(named - classes.keys()):
                raise ValueError(f"confusion.{split}: got class {unknown[0]!r}; expected a class of scores.{split}")
            counts = self.sentences[split]
            if (here := counts.sentences) != scores.sentences:
                raise ValueError(f"sentences.{split}: got counts of {here} sentences, scores of {scores.sentences}")
            if counts.totals() != {label: (of.tp, of.predicted, of.support) for label, of in classes.items()}:
                raise ValueError(f"sentences.{split}: got other counts than those of scores.{split}")
        return self

    @property
    def oracle(self) -> tuple[str, ...]:
        """The splits with gold mentions in its knowledge base, see ``knowledge.oracle``."""
        knowledge = self.training.get("knowledge")
        splits = knowledge.get("oracle") if isinstance(knowledge, dict) else None
        return tuple(map(str, splits)) if isinstance(splits, dict) else ()

    def as_dict(self) -> dict[str, Any]:
        """JSON values, as in the file."""
        return self.model_dump(mode="json", exclude_none=True)


def write_record(record: Record, folder: Path) -> None:
    """Write ``record.json`` into the run's folder, atomically; ``OutputError`` if that fails."""
    with atomic_write(folder / RECORD) as handle:
        handle.write(layout(record.as_dict()) + "\n")


def layout(value: Any, indent: str = "") -> str:
    """Format as JSON: an object or array on one line where it fits, else one entry per line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or len(indent) + len(line) <= WIDTH:
        return line
    inner = indent + " "
    if isinstance(value, dict):
        lines = [f"{json.dumps(key, ensure_ascii=False)}: {layout(item, inner)}" for key, item in value.items()]
    else:
        lines = [layout(item, inner) for item in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}{last}"


def record_path(place: str | Path) -> Path:
    """The path of the record: that in a run folder, or the file itself."""
    path = Path(place)
    return path / RECORD if path.is_dir() else path


def read_record(place: str | Path) -> Record:
    """Read a record of this format or an earlier one; ``DataError`` if it is missing, damaged, or of a newer format."""
    path = record_path(place)
    try:
        content = read_regular(path, MAX_BYTES)
        values = from_json(content, allow_inf_nan=False)
        check_values(values)
    except FileNotFoundError:
        raise DataError("no record; expected a run folder with a finished run, or a record file", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from None
    except ValueError as error:  # not UTF-8, not JSON, or absurd
        reason = "not valid JSON" if "at line" in str(error) else f"not valid JSON ({error})"
        raise DataError(f"damaged: {reason}; copy the file again, or run again", path) from None
    if not isinstance(values, dict) or type(values.get("format")) is not int:
        raise DataError("not a record: expected a JSON object with the key format", path)
    if values["format"] > FORMAT:
        raise DataError(f"got format {values['format']}; expected at most {FORMAT}. Fix: update coner", path)
    try:
        record = Record.model_validate_json(content, strict=True)
    except ValidationError as error:
        raise DataError(f"damaged: {first_fault(error)}; copy the file again, or run again", path) from None
    return record.model_copy(update={"format": FORMAT})
