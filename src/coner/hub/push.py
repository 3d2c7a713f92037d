"""A model to the hub: the files that it is told, in one commit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from coner.core.errors import ConfigError
from coner.hub.client import client, talking
from coner.hub.place import Place


def push(place: Place, files: Mapping[str, Path | bytes], *, message: str, private: bool | None = None) -> str:
    """Put files into a repository of the hub, which is made where it does not exist; the address of the commit.

    Args:
        place: of the repository; its revision is a branch, made where it does not exist.
        files: path in the repository to a file, or to content.
        message: of the commit.
        private: whether a new repository is to be private; ``True`` refuses one that is there and public, before
            anything is sent. ``None``: as its owner has it.

    Raises:
        ConfigError: the repository is public.
        ModelError: the hub cannot be reached, or does not allow it.
        MissingExtra: huggingface_hub is not installed.
    """
    api = client()
    from huggingface_hub import CommitOperationAdd

    with talking(place, api.endpoint):
        api.create_repo(place.repo, private=private, exist_ok=True)
        hidden = api.model_info(place.repo).private if private else True
    if not hidden:
        raise ConfigError(f"--private: {place.repo} is there already and public; change that on its page, or drop this")
    with talking(place, api.endpoint):
        if place.revision is not None:
            api.create_branch(place.repo, branch=place.revision, exist_ok=True)
        done = api.create_commit(
            place.repo,
            [CommitOperationAdd(name, str(item) if isinstance(item, Path) else item) for name, item in files.items()],
            commit_message=message,
            revision=place.revision,
        )
    return str(done.commit_url)
