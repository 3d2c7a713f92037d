"""A model is a folder: its manifest ``model.json``, and the files that it names with their sizes and hashes.

Files are written to a temporary folder and moved when all of them are complete, ``model.json`` last, so that a full
disk or an interruption leaves the earlier model intact. Every file is checked before it is used: no damaged weights
reach the code. A run's folder may hold other files too; they are left alone.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError

from coner.core.errors import ConfigError, ModelError, OutputError
from coner.core.files import sha256
from coner.data.taxonomy import Taxonomy

FORMAT = 1
MANIFEST = "model.json"
WEIGHTS = "weights.safetensors"  # of an encoder
M = TypeVar("M", bound="Manifest")


def _taxonomy(value: Any) -> Taxonomy:
    if isinstance(value, Taxonomy):
        return value
    try:
        return Taxonomy.from_dict(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected a name and groups of labels ({error})") from None


class FileEntry(BaseModel):
    """One file of a model."""

    model_config = ConfigDict(frozen=True)

    bytes: Annotated[int, Field(ge=0)]
    sha256: str


class Manifest(BaseModel):
    """What ``model.json`` says; a family adds its own fields.

    Attributes:
        format: version of this form.
        kind: the family.
        labels: every label that the tagger can predict.
        taxonomy: of the labels.
        files: every other file of the model, by its path in the folder; filled in when the model is written.
    """

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=(), arbitrary_types_allowed=True)

    kind: str
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    taxonomy: Annotated[Taxonomy, PlainValidator(_taxonomy), PlainSerializer(lambda v: v.as_dict())]
    format: Annotated[int, Field(ge=1)] = FORMAT
    files: dict[str, FileEntry] = {}


def write_model(folder: Path, manifest: Manifest, write: Callable[[Path], None]) -> None:
    """Write a model into ``folder``: all of it, or nothing.

    Args:
        folder: created if it is missing.
        manifest: without ``files``, which are added.
        write: writes the model's files into the folder that it is given.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for abandoned in folder.glob(".model-*"):  # by a process that was killed
            shutil.rmtree(abandoned, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix=".model-", dir=folder))
    except OSError as error:
        raise OutputError(f"{folder}: the model cannot be written: {error.strerror}; choose another folder") from None
    state = "nothing was changed"
    try:
        write(aside)
        files = sorted(path for path in aside.rglob("*") if path.is_file())
        names = [path.relative_to(aside).as_posix() for path in files]
        entries = {n: FileEntry(bytes=p.stat().st_size, sha256=sha256(p)) for n, p in zip(names, files, strict=True)}
        values = manifest.model_copy(update={"files": entries, "format": FORMAT}).model_dump(mode="json")
        text = json.dumps(values, ensure_ascii=False, indent=2)
        (aside / MANIFEST).write_text(text + "\n", encoding="utf-8")
        for name in [*names, MANIFEST]:
            _flush(aside / name)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        state = "some of its files are the old ones: write it again"
        for name in [*names, MANIFEST]:
            (aside / name).replace(folder / name)
    except OSError as error:
        raise OutputError(f"{folder}: the model cannot be written: {error.strerror}; {state}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


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
    """Read ``model.json`` and check every file that it names.

    Raises:
        ModelError: something is missing, damaged, or of a newer format.
    """
    values, path = _read(folder), folder / MANIFEST
    if not isinstance(values.get("format"), int) or not isinstance(values.get("kind"), str):
        raise ModelError(f"{path}: expected the keys format and kind; is this a model folder of coner?")
    if values["format"] > FORMAT:
        raise ModelError(
            f"{path}: format {values['format']}, but this version of coner reads up to {FORMAT}; update coner"
        )
    manifest = parse_manifest(values, Manifest, folder)
    for name, entry in manifest.files.items():
        _check(folder, name, entry)
    return manifest


def parse_manifest(values: dict[str, Any], model: type[M], folder: Path) -> M:
    """Check the values of a manifest against its family's model; ``ModelError`` names the first wrong key."""
    try:
        return model.model_validate(values)
    except ConfigError as error:
        reason = str(error)
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg'][0].lower()}{first['msg'][1:]}"
    raise ModelError(f"{folder / MANIFEST}: damaged: {reason}; train again or copy the folder again")


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise ModelError(f"{folder}: {state}; expected the folder of a trained model")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder}: no {MANIFEST} in it; expected the folder of a trained model") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):  # not JSON, or not UTF-8
        raise ModelError(f"{path}: damaged: not valid JSON; train again or copy the folder again") from None
    if not isinstance(values, dict):
        raise ModelError(f"{path}: damaged: expected an object; train again or copy the folder again")
    return values


def _check(folder: Path, name: str, entry: FileEntry) -> None:
    if any(path.anchor or ".." in path.parts for path in (PurePosixPath(name), PureWindowsPath(name))):
        raise ModelError(f"{folder / MANIFEST}: damaged: file {name!r} lies outside the folder")
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{path}: missing, but {MANIFEST} names it; copy the whole folder again")
    size = path.stat().st_size
    if size != entry.bytes:
        raise ModelError(f"{path}: {size} bytes, expected {entry.bytes}: damaged or cut short; copy the folder again")
    try:
        changed = sha256(path) != entry.sha256
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    if changed:
        raise ModelError(f"{path}: its content is not what {MANIFEST} says (sha256); copy the folder again")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)  # Windows flushes no file that is open for reading only
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
