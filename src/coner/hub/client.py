"""The client library of the hub, and its errors as one line each. The client reads its token itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR
from typing import TYPE_CHECKING

from coner.core.errors import ModelError, OutputError, requires_extra
from coner.core.files import WRITE_ERRORS
from coner.hub.ref import RepoRef

if TYPE_CHECKING:
    from huggingface_hub import HfApi

OFFLINE = "HF_HUB_OFFLINE is set"
LOGIN = "log in with: hf auth login (or set HF_TOKEN)"


def client() -> HfApi:
    """A client for the endpoint that the environment names; ``MissingExtra`` if the library is not installed."""
    with requires_extra("a model on the hub", "hub"):
        from huggingface_hub import HfApi
    return HfApi(library_name="coner")


@contextmanager
def hub_errors(ref: RepoRef, endpoint: str) -> Iterator[None]:
    """Turn errors of the client into ``ModelError``, or ``OutputError`` if the cache cannot be written."""
    from huggingface_hub import errors

    try:
        with _quiet():
            yield
    except (KeyboardInterrupt, ModelError, OutputError):
        raise
    except errors.GatedRepoError:
        raise ModelError(f"{ref}: the model is gated. Fix: ask for access at {endpoint}/{ref.repo}, {LOGIN}") from None
    except errors.RepositoryNotFoundError:
        raise ModelError(
            f"{ref}: not found at {endpoint}. Fix: check the name, or, if the repository is private, {LOGIN}"
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelError(f"{ref}: no such revision; expected a branch, a tag or a commit after the @") from None
    except errors.RemoteEntryNotFoundError:
        raise ModelError(f"{ref}: has no model.json; expected a model of coner. Fix: check the name") from None
    except errors.LocalEntryNotFoundError as error:
        why = OFFLINE if error.__cause__ is None else _reason(error.__cause__)
        raise ModelError(
            f"{ref}: not in the cache, and {endpoint} cannot be reached ({why}). Fix: connect once to download it"
        ) from None
    except Exception as error:
        raise _translate(ref, endpoint, error) from None


def _translate(ref: RepoRef, endpoint: str, error: Exception) -> ModelError | OutputError:
    status = status_of(error)
    if status is None and isinstance(error, OSError) and error.errno in WRITE_ERRORS:
        return OutputError(f"{ref}: cannot write to the cache: {error.strerror}. Fix: free some space")
    if status in (401, 403):
        return ModelError(f"{ref}: {endpoint} does not allow this ({status}). Fix: {LOGIN}, with write access")
    if status is not None:
        return ModelError(f"{ref}: {endpoint} answered with status {status}. Fix: try again later")
    return ModelError(f"{ref}: {endpoint} cannot be reached ({_reason(error)}). Fix: connect and try again")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the client's warnings, since errors are reported here, and its progress bars outside of a terminal."""
    from huggingface_hub.utils import logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    verbosity, had_bars = logging.get_verbosity(), not are_progress_bars_disabled()
    logging.set_verbosity(ERROR)
    if had_bars and not sys.stderr.isatty():
        disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            enable_progress_bars()


def _reason(error: BaseException) -> str:
    if type(error).__name__ == "OfflineModeIsEnabled":
        return OFFLINE
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def status_of(error: BaseException | None) -> int | None:
    """HTTP status of the hub's response, if any; the client may chain it below an error of its own."""
    while error is not None:
        if (response := getattr(error, "response", None)) is not None:
            return int(response.status_code)
        error = error.__cause__
    return None
