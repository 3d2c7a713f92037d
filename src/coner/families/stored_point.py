"""Replace the operating point of a model folder."""

from __future__ import annotations

import json
from pathlib import Path

from coner.core.errors import ModelError, OutputError
from coner.core.files import atomic_write, sha256
from coner.core.locks import lock_folder
from coner.core.untrusted import read_regular
from coner.families.manifest import MANIFEST
from coner.families.operating_point import OperatingPoint
from coner.hub import package_name


def replace_operating_point(model: Path, point: OperatingPoint | None, stamp: str | None = None) -> bool:
    """Write an operating point into a model folder, or remove it; return whether the folder has changed.

    Only ``model.json`` is replaced, at once; the hashes of the other files stay valid. One that is damaged can be
    removed too.

    Args:
        stamp: sha256 of the ``model.json`` that the operating point was chosen with.

    Raises:
        ModelError: there is no model.
        OutputError: see ``check_own``; or the folder was changed meanwhile, is in use, or cannot be written.
    """
    check_own(model)
    path = model / MANIFEST
    if not model.is_dir():
        raise _no_model(model)
    with lock_folder(model):
        return _replace(model, path, point, stamp)


def check_own(model: Path) -> None:
    """``OutputError`` for a folder that must not be changed: a download, or an installed package."""
    fix = f"expected a folder of your own. Fix: cp -rL {model} FOLDER, and use FOLDER"
    if (model / MANIFEST).is_symlink():
        raise OutputError(f"{model / MANIFEST}: is a link into a cache; {fix}")
    for place in (whole := model.resolve(), *whole.parents):  # a member of a vote is deeper
        if (name := package_name(place)) is not None:
            raise OutputError(f"{model}: is in the installed package {name}; {fix}")


def _replace(model: Path, path: Path, point: OperatingPoint | None, stamp: str | None) -> bool:
    if point is not None and stamp != sha256(path):
        raise OutputError(f"{path}: was changed meanwhile; nothing was stored. Fix: run the same command again")
    try:
        values = json.loads(read_regular(path))  # with NaN, which a damaged operating point may hold
    except (OSError, ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise _no_model(model)
    stored = None if point is None else point.model_dump(mode="json")
    if values.get("operating_point") == stored:
        return False
    with atomic_write(path) as handle:
        handle.write(json.dumps({**values, "operating_point": stored}, ensure_ascii=False, indent=2) + "\n")
    return True


def _no_model(model: Path) -> ModelError:
    return ModelError(f"{model}: got no valid {MANIFEST}; expected the folder of a trained model")
