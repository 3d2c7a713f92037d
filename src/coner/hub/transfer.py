"""Download models into the hub's own cache, and upload them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from coner.core.errors import ConfigError, status_of
from coner.hub.client import hub_client
from coner.hub.files import MANIFEST, README, RECORD, names_in
from coner.hub.ref import RepoRef, is_hub_name

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TIMEOUT = 20  # seconds
_COMMIT = re.compile("[0-9a-f]{40}")


def model_folder(name: str | Path, *, trusted: Callable[[str], bool]) -> Path:
    """The folder of a model; if it is on the hub, the files that its ``model.json`` names are downloaded.

    Without a network, the model comes from the cache.

    Args:
        name: a folder, which is returned as it is, or ``hf://user/name`` with an optional ``@revision``.
        trusted: whether models of a kind may be used without trusting their author; called for models on the hub.

    Raises:
        ModelError: no such repository or revision, no access, not a model of coner or not of a trusted kind, or the
            hub cannot be reached and the model is not complete in the cache.
        MissingExtra: huggingface_hub is not installed.
    """
    if not is_hub_name(name):
        return Path(name)
    ref = RepoRef.parse(str(name))
    with hub_client(ref) as api:
        from huggingface_hub.errors import LocalEntryNotFoundError

        if _COMMIT.fullmatch(ref.revision or ""):  # a commit never changes, so the cache is enough
            with suppress(LocalEntryNotFoundError):
                return _snapshot(api, ref, trusted, offline=True)
        unreachable = _connection_error(api, ref)
        try:
            return _snapshot(api, ref, trusted, offline=unreachable is not None)
        except LocalEntryNotFoundError as error:
            raise error from unreachable or error.__cause__


def _connection_error(api: HfApi, ref: RepoRef) -> Exception | None:
    """Why the hub cannot be reached; ``None`` if it answers. One request without retries, so that nobody waits long."""
    try:
        api.model_info(ref.repo, revision=ref.revision, timeout=TIMEOUT)
    except Exception as error:
        status = status_of(error)
        if status is not None and status < 500 and status not in (408, 429):  # an overloaded hub counts as unreachable
            raise
        return error
    return None


def _snapshot(api: HfApi, ref: RepoRef, trusted: Callable[[str], bool], *, offline: bool) -> Path:
    # The manifest first: it proves that this is a model, fixes the commit, and says which files belong to it.
    manifest = Path(api.hf_hub_download(ref.repo, MANIFEST, revision=ref.revision, local_files_only=offline))
    names = names_in(manifest.read_bytes(), str(ref), trusted=trusted)
    if offline and not all((manifest.parent / name).is_file() for name in names):  # an interrupted download
        from huggingface_hub.errors import LocalEntryNotFoundError

        raise LocalEntryNotFoundError("the model in the cache is incomplete")
    patterns = [escape(name) for name in [MANIFEST, *names, README, RECORD]]
    commit = manifest.parent.name
    return Path(api.snapshot_download(ref.repo, revision=commit, allow_patterns=patterns, local_files_only=offline))


def push(ref: RepoRef, files: Mapping[str, Path | bytes], *, message: str, private: bool | None = None) -> str:
    """Upload files in one commit, and return its address. Repository and branch are created if they do not exist.

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
    with hub_client(ref) as api:
        from huggingface_hub import CommitOperationAdd

        api.create_repo(ref.repo, private=private, exist_ok=True)
        if private and not api.model_info(ref.repo).private:
            raise ConfigError(f"--private: {ref.repo} is public. Fix: change that on its page, or leave out --private")
        if ref.revision is not None:
            api.create_branch(ref.repo, branch=ref.revision, exist_ok=True)
        parts = [CommitOperationAdd(name, str(f) if isinstance(f, Path) else f) for name, f in files.items()]
        commit = api.create_commit(ref.repo, parts, commit_message=message, revision=ref.revision)
    return str(commit.commit_url)
