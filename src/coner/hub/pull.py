"""Download a model into the hub's own cache: only the files that its ``model.json`` names."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from coner.hub.client import client, hub_errors, status_of
from coner.hub.files import MANIFEST, README, RECORD, names_in
from coner.hub.ref import RepoRef, is_hub_name

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TIMEOUT = 20  # seconds
_COMMIT = re.compile("[0-9a-f]{40}")


def model_folder(name: str | Path, *, trusted: Callable[[str], bool]) -> Path:
    """The folder of a model, downloaded if it is on the hub; without a network, from the cache.

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
    api = client()
    from huggingface_hub.errors import LocalEntryNotFoundError

    with hub_errors(ref, api.endpoint):
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
    patterns = [_escape(name) for name in [MANIFEST, *names, README, RECORD]]
    commit = manifest.parent.name
    return Path(api.snapshot_download(ref.repo, revision=commit, allow_patterns=patterns, local_files_only=offline))


def _escape(name: str) -> str:
    """A pattern that matches only this name."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
