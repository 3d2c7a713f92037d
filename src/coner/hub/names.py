"""Names of models on the hub, ``hf://user/name@revision``, and of the files that may be uploaded and downloaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath, PureWindowsPath

from coner.core.errors import ModelError
from coner.core.files import as_text
from coner.core.untrusted import parse_json

MANIFEST, RECORD, README = "model.json", "record.json", "README.md"
MARKER = "coner.json"  # in the metadata of a Python package with a model
# They hold no code; .data: weights of ONNX, .model: SentencePiece, .sqlite: tables of a knowledge base.
SUFFIXES = (".json", ".safetensors", ".npz", ".onnx", ".data", ".model", ".txt", ".sqlite")
_SCHEME = re.compile(r"hf:[/\\]{1,2}")  # a ``Path`` merges the two slashes, and on Windows turns them around
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_REPO = re.compile(rf"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
LONGEST = 96  # characters of a repository name; the limit of the hub


@dataclass(frozen=True)
class RepoRef:
    """A repository on the hub at a revision."""

    repo: str  # user/name
    revision: str | None = None  # a branch, a tag or a commit; None: the newest commit of the main branch

    def __str__(self) -> str:
        return f"hf://{self.repo}" + (f"@{self.revision}" if self.revision else "")

    @classmethod
    def parse(cls, text: str) -> RepoRef:
        """Parse ``hf://user/name@revision``; scheme and revision may be missing. ``ModelError`` if it is invalid."""
        repo, at, revision = _SCHEME.sub("", text, count=1).replace("\\", "/").partition("@")
        if not _REPO.fullmatch(repo) or len(repo) > LONGEST or "--" in repo or ".." in repo or repo.endswith(".git"):
            raise ModelError(f"{text}: got {repo!r}; expected the name of a repository, as in hf://user/name@revision")
        if at and (not _REVISION.fullmatch(revision) or ".." in revision):
            raise ModelError(f"{text}: got {revision!r} after the @; expected a branch, a tag or a commit")
        return cls(repo, revision or None)


def is_hub_name(text: str | Path) -> bool:
    """Whether this names a model on the hub rather than a folder."""
    return _SCHEME.match(str(text)) is not None


def model_name(folder: Path) -> str:
    """The name of a model: of its repository in the hub's cache, of its installed package, or else of its folder."""
    folder = folder.resolve()
    repo_type, _, repo = folder.parent.parent.name.partition("--")
    if folder.parent.name == "snapshots" and repo_type == "models" and "--" in repo:
        return repo.partition("--")[2]
    return as_text(package_name(folder) or folder.name)


def package_name(folder: Path) -> str | None:
    """The name of the installed package whose model folder this is; ``None`` if it is not in a package."""
    installed = any(folder.parent.glob(f"{escape(folder.name)}-*.dist-info/{MARKER}"))
    return folder.name.replace("_", "-") if installed else None


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
        values = parse_json(manifest)
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
            "that its author chose; expected one that runs on this machine"
        )
    return check_names(names, model)
