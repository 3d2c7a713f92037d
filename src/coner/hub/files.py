"""Which files may be uploaded and downloaded: a list of file types that hold no code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath, PureWindowsPath

from coner.core.errors import ModelError

MANIFEST, RECORD, README = "model.json", "record.json", "README.md"
SUFFIXES = (".json", ".safetensors", ".npz", ".onnx", ".model", ".txt")  # ``.model`` is of SentencePiece


def check_names(names: Iterable[str], model: str) -> list[str]:
    """Sort the paths of a model's files; ``ModelError`` if one is outside its folder, or of a type not allowed."""
    names = sorted(names)
    for name in names:
        posix, windows = PurePosixPath(name), PureWindowsPath(name)
        outside = any(path.anchor or ".." in path.parts for path in (posix, windows))
        if outside or "\\" in name or posix.as_posix() != name:
            raise ModelError(f"{model}: {MANIFEST} names {name!r}; expected only files inside the model folder")
        if posix.suffix not in SUFFIXES:
            raise ModelError(f"{model}: {MANIFEST} names {name!r}; expected only files of type {', '.join(SUFFIXES)}")
    return names


def names_in(manifest: bytes, model: str, *, trusted: Callable[[str], bool]) -> list[str]:
    """The files that the content of a ``model.json`` names; ``ModelError`` if one is not allowed.

    Args:
        model: name of the model, for messages.
        trusted: whether models of a kind may be used without trusting their author, because they send nothing.
    """
    try:
        values = json.loads(manifest)
        kind, names = values["kind"], [str(name) for name in dict(values["files"])]
        if not isinstance(kind, str) or not isinstance(values["format"], int):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelError(
            f"{model}: got a {MANIFEST} without kind, format and files; expected a model of coner. Fix: check the name"
        ) from None
    if not trusted(kind):
        raise ModelError(
            f"{model}: got a model of kind {kind}, which sends texts, and an API key of this machine, to an address "
            "that its author chose; expected one that runs here"
        )
    return check_names(names, model)
