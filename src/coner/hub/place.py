"""Names of models on the hub: ``hf://user/name``, with ``@revision`` where it is not the newest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from coner.core.errors import ModelError

# A path turns two slashes into one, and on Windows turns them round.
_SCHEME = re.compile(r"hf:[/\\]{1,2}")
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_REPO = re.compile(rf"{_PART}/{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
LONGEST = 96  # characters of a repository's name, as the hub has it


@dataclass(frozen=True)
class Place:
    """A repository of the hub.

    Attributes:
        repo: ``user/name``.
        revision: a branch, a tag or a commit; ``None``: the newest of the main branch.
    """

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"hf://{self.repo}" + (f"@{self.revision}" if self.revision else "")

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place of ``hf://user/name@revision`` or ``user/name``; ``ModelError`` where it is none."""
        rest = _SCHEME.sub("", text, count=1).replace("\\", "/")
        repo, at, revision = rest.partition("@")
        if not _REPO.fullmatch(repo) or len(repo) > LONGEST or "--" in repo or ".." in repo or repo.endswith(".git"):
            raise ModelError(f"{text}: {repo!r} is no name of a repository; expected hf://user/name, or with @revision")
        if at and (not _REVISION.fullmatch(revision) or ".." in revision):
            raise ModelError(f"{text}: {revision!r} is no revision; expected a branch, a tag or a commit after the @")
        return cls(repo, revision or None)


def is_place(text: str | Path) -> bool:
    """Whether this names a model on the hub, not a folder."""
    return _SCHEME.match(str(text)) is not None


def model_name(folder: Path) -> str:
    """What to call a model: its folder's name, or that of its repository where the folder is the cache's."""
    folder = folder.resolve()
    kind, _, repo = folder.parent.parent.name.partition("--")
    if folder.parent.name == "snapshots" and kind == "models" and "--" in repo:
        return repo.partition("--")[2]
    return folder.name
