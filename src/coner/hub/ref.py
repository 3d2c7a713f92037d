"""Names of models on the hub: ``hf://user/name``, or ``hf://user/name@revision``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from coner.core.errors import ModelError

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
    """The name of a model: that of its folder, or of its repository if the folder is in the hub's cache."""
    folder = folder.resolve()
    repo_type, _, repo = folder.parent.parent.name.partition("--")
    if folder.parent.name == "snapshots" and repo_type == "models" and "--" in repo:
        return repo.partition("--")[2]
    return folder.name
