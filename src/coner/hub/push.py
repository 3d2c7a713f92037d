"""Upload files to the hub in one commit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from coner.core.errors import ConfigError
from coner.hub.client import client, hub_errors
from coner.hub.ref import RepoRef


def push(ref: RepoRef, files: Mapping[str, Path | bytes], *, message: str, private: bool | None = None) -> str:
    """Upload files, and return the address of the commit. Repository and branch are created if they do not exist.

    Args:
        ref: repository and branch.
        files: a file, or its content, by path in the repository.
        message: of the commit.
        private: visibility of a new repository; ``True`` also refuses an existing public one, before anything is
            sent. ``None``: the default of its owner.

    Raises:
        ConfigError: the repository is public.
        ModelError: the hub cannot be reached, or does not allow it.
        MissingExtra: huggingface_hub is not installed.
    """
    api = client()
    from huggingface_hub import CommitOperationAdd

    with hub_errors(ref, api.endpoint):
        api.create_repo(ref.repo, private=private, exist_ok=True)
        public = bool(private) and not api.model_info(ref.repo).private
    if public:
        raise ConfigError(f"--private: {ref.repo} is public. Fix: change that on its page, or leave out --private")
    with hub_errors(ref, api.endpoint):
        if ref.revision is not None:
            api.create_branch(ref.repo, branch=ref.revision, exist_ok=True)
        commit = api.create_commit(
            ref.repo,
            [CommitOperationAdd(name, str(item) if isinstance(item, Path) else item) for name, item in files.items()],
            commit_message=message,
            revision=ref.revision,
        )
    return str(commit.commit_url)
