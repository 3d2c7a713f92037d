"""The client library of the hub, and its errors as one line each. The client reads its token itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR
from typing import TYPE_CHECKING

from coner.core.errors import ConerError, ModelError, OutputError, one_line, requires_extra, status_of
from coner.core.files import WRITE_ERRORS
from coner.hub.ref import RepoRef

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LOGIN = "log in with: hf auth login (or set HF_TOKEN)"


@contextmanager
def hub_client(ref: RepoRef) -> Iterator[HfApi]:
    """A client for the endpoint that the environment names.

    Raises:
        ModelError: in place of the client's errors.
        OutputError: the cache cannot be written.
        MissingExtra: huggingface_hub is not installed.
    """
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
