"""Download models into the cache of the hub's client, and upload them; its errors as one line each.

The client reads its token itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from logging import ERROR
from pathlib import Path
from typing import TYPE_CHECKING

from coner.core.errors import ConerError, ConfigError, ModelError, OutputError, one_line, requires_extra, status_of
from coner.core.files import WRITE_ERRORS
from coner.core.untrusted import read_regular
from coner.hub.installed import local_folder
from coner.hub.names import MANIFEST, README, RECORD, RepoRef, is_hub_name, names_in

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TIMEOUT = 20  # seconds
LOGIN = "log in with: hf auth login (or set HF_TOKEN)"
_COMMIT = re.compile("[0-9a-f]{40}")


def model_folder(name: str | Path, *, trusted: Callable[[str], bool]) -> Path:
    """The folder of a model; if it is on the hub, the files that its ``model.json`` names are downloaded.

    Without a network, the model comes from the cache.

    Args:
        name: a folder or an installed package, see ``local_folder``, or ``hf://user/name`` with an optional
            ``@revision``.
        trusted: whether models of a kind may be used without trusting their author.

    Raises:
        ModelError: no such folder, package, repository or revision, no access, not a model of coner or not of a
            trusted kind, or the hub cannot be reached and the model is not complete in the cache.
        MissingExtra: huggingface_hub is not installed.
    """
    if not is_hub_name(name):
        return local_folder(name, trusted=trusted)
    ref = RepoRef.parse(str(name))
    with _client(ref) as api:
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
    """Why the hub cannot be reached; ``None`` if it answers. One request without retries, to fail fast."""
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
    try:
        content = read_regular(manifest)
    except ValueError as error:
        raise ModelError(f"{ref}: {MANIFEST}: cannot be read: {error}; expected that of a model of coner") from None
    names = names_in(content, str(ref), trusted=trusted)
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
    with _client(ref) as api:
        from huggingface_hub import CommitOperationAdd

        api.create_repo(ref.repo, private=private, exist_ok=True)
        if private and not api.model_info(ref.repo).private:
            raise ConfigError(f"--private: {ref.repo} is public. Fix: change that on its page, or leave out --private")
        if ref.revision is not None:
            api.create_branch(ref.repo, branch=ref.revision, exist_ok=True)
        operations = [CommitOperationAdd(name, str(f) if isinstance(f, Path) else f) for name, f in files.items()]
        commit = api.create_commit(ref.repo, operations, commit_message=message, revision=ref.revision)
    return str(commit.commit_url)


@contextmanager
def _client(ref: RepoRef) -> Iterator[HfApi]:
    with requires_extra("a model on the hub", "hub"):
        from huggingface_hub import HfApi
    api = HfApi(library_name="coner")
    try:
        with _quiet():
            yield api
    except ConerError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in WRITE_ERRORS:
            raise OutputError(f"{ref}: cannot write to the cache: {error.strerror}. Fix: free some space") from None
        raise ModelError(f"{ref}: {_explain(ref.repo, str(api.endpoint), error)}") from None


def _explain(repo: str, endpoint: str, error: Exception) -> str:
    from huggingface_hub import errors

    known = {
        errors.GatedRepoError: f"the model is gated. Fix: ask for access at {endpoint}/{repo}, {LOGIN}",
        errors.RepositoryNotFoundError: f"not found at {endpoint}. Fix: check the name, or, if it is private, {LOGIN}",
        errors.RevisionNotFoundError: "no such revision; expected a branch, a tag or a commit after the @",
        errors.RemoteEntryNotFoundError: "has no model.json; expected a model of coner. Fix: check the name",
    }
    for kind, message in known.items():
        if isinstance(error, kind):
            return message
    uncached = isinstance(error, errors.LocalEntryNotFoundError)
    cause = error.__cause__ if uncached else error
    offline = isinstance(cause, errors.OfflineModeIsEnabled)
    reason = "HF_HUB_OFFLINE is set" if cause is None or offline else one_line(cause)
    unreachable = f"{endpoint} cannot be reached ({reason})"
    if uncached:
        return f"not in the cache, and {unreachable}. Fix: connect once to download it"
    status = status_of(error)
    if status in (401, 403):
        return f"{endpoint} does not allow this ({status}). Fix: {LOGIN}, with write access"
    if status is not None:
        return f"{endpoint} answered with status {status}. Fix: try again later"
    return f"{unreachable}. Fix: connect and try again"


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the client's warnings, since errors are reported here, and its progress bars outside of a terminal."""
    from huggingface_hub.utils import logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    verbosity = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    hide = not (are_progress_bars_disabled() or sys.stderr.isatty())
    if hide:
        disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if hide:
            enable_progress_bars()
