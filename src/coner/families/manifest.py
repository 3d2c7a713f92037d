"""A model is a folder: the manifest ``model.json``, and the files that it names with their sizes and hashes.

Files are written to a temporary folder and moved when all of them are complete, ``model.json`` last, so that a full
disk or an interruption leaves the earlier model intact. Every file is checked before any is opened. Other files in the
folder, such as those of a run, are left alone.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    model_validator,
)

from coner.core.errors import ConfigError, DataError, ModelError, OutputError
from coner.core.files import new_file_mode, sha256
from coner.core.locks import lock_folder
from coner.core.untrusted import check_values, is_text, read_json
from coner.data.taxonomy import Taxonomy
from coner.families.knowledge_use import KnowledgeUse
from coner.families.operating_point import OperatingPoint

FORMAT = 1
MANIFEST = "model.json"
WEIGHTS = "weights.safetensors"  # of an encoder
COPY = "Fix: copy the whole folder again"
MAX_BYTES, MAX_FILES = 1 << 40, 10_000  # of one file; files of a model
MAX_LABELS = 4_000  # time and memory grow with the square of their number
M = TypeVar("M", bound="Manifest")


def _taxonomy(value: Any) -> Taxonomy:
    if isinstance(value, Taxonomy):
        return value
    try:
        return Taxonomy.from_dict(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"got {type(error).__name__} ({error}); expected a name and groups of labels") from None


def _name(value: str) -> str:
    if not value or not is_text(value):
        raise ValueError(f"got {value!r:.80}; expected text in one line, without control characters")
    return value


class FileEntry(BaseModel):
    """One file of a model."""

    model_config = ConfigDict(frozen=True)

    bytes: Annotated[int, Field(ge=0, lt=MAX_BYTES)]
    sha256: str


Name = Annotated[str, AfterValidator(_name)]  # of a label or a file


class Manifest(BaseModel):
    """What ``model.json`` says; a family adds its own fields."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=(), arbitrary_types_allowed=True)

    kind: str  # the family
    # every label that the tagger can predict
    labels: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_LABELS)]
    taxonomy: Annotated[Taxonomy, PlainValidator(_taxonomy), PlainSerializer(lambda v: v.as_dict())]  # of the labels
    format: Annotated[int, Field(ge=1)] = FORMAT  # version of the manifest's own layout
    operating_point: OperatingPoint | None = None  # calibration and thresholds, which ``coner threshold`` stores
    knowledge: KnowledgeUse | None = None  # the knowledge base that the model was trained with, and needs
    # every other file of the model, by its path in the folder; filled in when the model is written
    files: Annotated[dict[Name, FileEntry], Field(max_length=MAX_FILES)] = {}

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        if len(self.taxonomy.labels) > MAX_LABELS or len(self.taxonomy.groups) > MAX_LABELS:
            raise ValueError(f"taxonomy: got {len(self.taxonomy.labels)} labels; expected at most {MAX_LABELS}")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels: got one twice; expected each label once")
        if unknown := set(self.labels) - set(self.taxonomy.labels):
            raise ValueError(f"labels: got {min(unknown)!r:.80}; expected a label of the taxonomy")
        return self


def check_labels(taxonomy: Taxonomy) -> None:
    """``ConfigError`` for labels that no manifest can hold, before a tagger is trained for them."""
    if (count := len(taxonomy.labels)) > MAX_LABELS:
        message = f"data.taxonomy: got {count:,} labels; expected at most {MAX_LABELS:,}"
        raise ConfigError(f"{message}. Fix: give several labels one name, with --rename")
    for label in taxonomy.labels:
        if not label or not is_text(label):
            message = f"data.taxonomy: got label {label!r:.80}; expected text in one line, without control characters"
            raise ConfigError(f"{message}. Fix: give it another name, with --rename")


def write_model(folder: Path, manifest: Manifest, write: Callable[[Path], None]) -> None:
    """Write a model into ``folder``: all of it, or nothing; ``OutputError`` if that fails or another process does.

    ``write`` writes the files into the folder that is passed to it; the manifest gets their hashes. All files get the
    permissions of a new file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _failed(folder, error, "nothing was changed") from None
    with lock_folder(folder):
        _write(folder, manifest, write)


def _write(folder: Path, manifest: Manifest, write: Callable[[Path], None]) -> None:
    state = "nothing was changed"
    try:
        for abandoned in folder.glob(".model-*"):  # by a process that was killed
            shutil.rmtree(abandoned, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".model-", dir=folder, ignore_cleanup_errors=True) as temporary:
            source = Path(temporary)
            write(source)
            files = {path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*")) if path.is_file()}
            entries = {n: FileEntry(bytes=p.stat().st_size, sha256=sha256(p)) for n, p in files.items()}
            values = manifest.model_copy(update={"files": entries, "format": FORMAT}).model_dump(mode="json")
            text = json.dumps(values, ensure_ascii=False, indent=2)
            (source / MANIFEST).write_text(text + "\n", encoding="utf-8")
            files[MANIFEST] = source / MANIFEST  # the last one to be moved
            mode = new_file_mode(source)
            for name, path in files.items():
                path.chmod(mode)  # some libraries set other permissions
                _flush(path)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            state = "some files are those of the earlier model. Fix: write it again"
            for name, path in files.items():
                path.replace(folder / name)
    except OSError as error:
        raise _failed(folder, error, state) from None


def _failed(folder: Path, error: OSError, state: str) -> OutputError:
    reason = (error.strerror or str(error)).lower()
    return OutputError(f"{folder}: the model cannot be written: {reason}; {state}")


def remove_model(folder: Path) -> None:
    """Delete ``model.json`` and the files that it names; everything else in the folder stays."""
    try:
        names = list(_read(folder)["files"])
    except (ModelError, KeyError, TypeError):  # no model, or a damaged one: its files will be overwritten
        names = []
    inside = folder.resolve()
    for path in [folder / str(name) for name in [MANIFEST, *names]]:
        if path.resolve().is_relative_to(inside) and (path.is_file() or path.is_symlink()):
            path.unlink()


def read_manifest(folder: Path) -> Manifest:
    """Read ``model.json`` and check every file that it names; ``ModelError`` if one is missing or damaged."""
    values, path = _read(folder), folder / MANIFEST
    format = values.get("format")
    if not isinstance(format, int) or not isinstance(values.get("kind"), str):
        raise ModelError(f"{path}: got no format or no kind; expected the manifest of a coner model")
    if format > FORMAT:
        raise ModelError(f"{path}: format: got {format}; expected at most {FORMAT}. Fix: update coner")
    manifest = parse_manifest(values, Manifest, folder)
    for name, entry in manifest.files.items():
        _check(folder, name, entry)
    return manifest


def file_names(folder: Path) -> list[str]:
    """The names of the files in ``model.json``, which are not checked; ``ModelError`` if it cannot be read."""
    files = _read(folder).get("files")
    return list(files) if isinstance(files, dict) else []


def parse_manifest(values: dict[str, Any], model: type[M], folder: Path) -> M:
    """Check the values of a manifest against its family's model; ``ModelError`` names the first wrong key."""
    try:
        return model.model_validate(values)
    except ConfigError as error:
        reason = str(error)
    except ValidationError as error:
        first = error.errors()[0]
        message = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
        place = ".".join(str(key)[:80] for key in first["loc"] if is_text(str(key)))
        reason = f"{place}: {message[:1].lower()}{message[1:]}" if place else message
    raise ModelError(f"{folder / MANIFEST}: damaged: {reason}. {COPY}, or train again")


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise ModelError(f"{folder}: {state}; expected the folder of a trained model")
    try:
        values = read_json(path)
        check_values(values)
    except FileNotFoundError:
        raise ModelError(f"{folder}: got no {MANIFEST}; expected the folder of a trained model") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ModelError(f"{path}: damaged: not a valid JSON object ({error}). {COPY}, or train again") from None
    if not isinstance(values, dict):
        raise ModelError(f"{path}: damaged: not a valid JSON object. {COPY}, or train again")
    return values


def _check(folder: Path, name: str, entry: FileEntry) -> None:
    if any(path.anchor or ".." in path.parts for path in (PurePosixPath(name), PureWindowsPath(name))):
        raise ModelError(f"{folder / MANIFEST}: damaged: file {name!r} is outside the folder. {COPY}")
    path = folder / name
    if not path.is_file():
        state = "not a regular file" if path.exists() else "missing"
        raise ModelError(f"{path}: {state}, but {MANIFEST} names it. {COPY}")
    size = path.stat().st_size
    if size != entry.bytes:
        raise ModelError(f"{path}: damaged or truncated: got {size} bytes; expected {entry.bytes}. {COPY}")
    try:
        if sha256(path) != entry.sha256:
            raise ModelError(f"{path}: damaged: its sha256 is not the one in {MANIFEST}. {COPY}")
    except DataError as error:
        raise ModelError(str(error)) from None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)  # Windows flushes no file that is open for reading only
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
