"""A model is a folder: ``model.json``, and the files that it names with their sizes and hashes.

Files are written aside and moved in when all are there, ``model.json`` last, so that a full disk or an interruption
leaves the model that was there (a kill between two moves, a folder that is refused). They are read only after each has
been checked: no damaged weights reach the code that uses them.
A run's folder may hold other files too; they are left alone.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from coner.core.errors import ModelError, OutputError
from coner.core.files import sha256

FORMAT = 1
CARD = "model.json"
WEIGHTS = "weights.safetensors"  # of an encoder


def write_model(folder: Path, card: Mapping[str, Any], write: Callable[[Path], None]) -> None:
    """Write a model into ``folder``, whole or not at all.

    Args:
        folder: made if it is missing.
        card: what ``model.json`` says: at least ``kind`` and ``labels``; ``format`` and ``files`` are added.
        write: writes the model's files into the folder that it is given.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for dead in folder.glob(".model-*"):  # left by a process that was killed
            shutil.rmtree(dead, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix=".model-", dir=folder))
    except OSError as error:
        raise OutputError(f"{folder}: the model cannot be written: {error.strerror}; choose another folder") from None
    left = "nothing was changed"
    try:
        write(aside)
        files = sorted(path for path in aside.rglob("*") if path.is_file())
        names = [path.relative_to(aside).as_posix() for path in files]
        entries = {n: {"bytes": p.stat().st_size, "sha256": sha256(p)} for n, p in zip(names, files, strict=True)}
        text = json.dumps({**card, "format": FORMAT, "files": entries}, ensure_ascii=False, indent=2)
        (aside / CARD).write_text(text + "\n", encoding="utf-8")
        for name in [*names, CARD]:
            _flush(aside / name)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        left = "some of its files are the old ones: write it again"
        for name in [*names, CARD]:
            (aside / name).replace(folder / name)
    except OSError as error:
        raise OutputError(f"{folder}: the model cannot be written: {error.strerror}; {left}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def remove_model(folder: Path) -> None:
    """Delete ``model.json`` and the files that it names; whatever else is in the folder stays."""
    try:
        names = list(_read_card(folder)["files"])
    except (ModelError, KeyError, TypeError):  # none, or damaged: what it named is written over
        names = []
    inside = folder.resolve()
    for path in [folder / str(name) for name in [CARD, *names]]:
        if path.resolve().is_relative_to(inside) and (path.is_file() or path.is_symlink()):
            path.unlink()


def read_model(folder: Path) -> dict[str, Any]:
    """Read ``model.json`` and check every file that it names.

    Raises:
        ModelError: one line on what is missing, damaged, or of a newer format.
    """
    card = _read_card(folder)
    if not isinstance(card.get("format"), int) or not isinstance(card.get("kind"), str):
        raise ModelError(f"{folder / CARD}: expected the keys format and kind; is this a model folder of coner?")
    if card["format"] > FORMAT:
        raise ModelError(
            f"{folder / CARD}: format {card['format']}, this version of coner reads up to {FORMAT}; update coner"
        )
    try:
        labels = card["labels"]
        files = {str(name): (int(entry["bytes"]), str(entry["sha256"])) for name, entry in card["files"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ModelError(f"{folder / CARD}: damaged: expected labels, and files with bytes and sha256") from None
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise ModelError(f"{folder / CARD}: damaged: labels must be a list of names")
    for name, (size, digest) in files.items():
        _check(folder, name, size, digest)
    return card


def _read_card(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ModelError(f"{folder}: {what}; expected the folder of a trained model")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder}: no {CARD} in it; expected the folder of a trained model") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:  # not JSON, or not UTF-8
        raise ModelError(f"{path}: damaged: not valid JSON; train again or copy the folder again") from None
    if not isinstance(card, dict):
        raise ModelError(f"{path}: damaged: expected an object; train again or copy the folder again")
    return card


def _check(folder: Path, name: str, size: int, digest: str) -> None:
    kinds = (PurePosixPath(name), PureWindowsPath(name))
    if any(path.anchor or ".." in path.parts for path in kinds):
        raise ModelError(f"{folder / CARD}: damaged: file {name!r} lies outside the folder")
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{path}: missing, but {CARD} names it; copy the whole folder again")
    found = path.stat().st_size
    if found != size:
        raise ModelError(f"{path}: {found} bytes, expected {size}: damaged or cut short; copy the folder again")
    try:
        changed = sha256(path) != digest
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    if changed:
        raise ModelError(f"{path}: its content is not what {CARD} says (sha256); copy the folder again")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)  # Windows flushes nothing that is open to read only
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
