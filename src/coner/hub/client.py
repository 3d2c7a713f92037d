"""The hub's own client, and what it has to say in one line. Its token is its own business: environment or login."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR
from typing import TYPE_CHECKING

from coner.core.errors import MissingExtra, ModelError, OutputError
from coner.core.files import WRITE_ERRORS
from coner.hub.place import Place

if TYPE_CHECKING:
    from huggingface_hub import HfApi

OFFLINE = "HF_HUB_OFFLINE is set"
LOGIN = "log in with: hf auth login (or set HF_TOKEN)"


def client() -> HfApi:
    """The client, for the endpoint that the environment names; ``MissingExtra`` where it is not installed."""
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise MissingExtra("a model on the hub", "hub") from None
    return HfApi(library_name="coner")


@contextmanager
def talking(place: Place, endpoint: str) -> Iterator[None]:
    """What can go wrong between here and the hub, as ``ModelError``; ``OutputError`` where the cache is full."""
    from huggingface_hub import errors

    try:
        with _quiet():
            yield
    except (KeyboardInterrupt, ModelError, OutputError):
        raise
    except errors.GatedRepoError:
        raise ModelError(f"{place}: gated: ask for access at {endpoint}/{place.repo}, then {LOGIN}") from None
    except errors.RepositoryNotFoundError:
        raise ModelError(
            f"{place}: {endpoint} shows no such repository; check the name, or, if it is private, {LOGIN}"
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelError(f"{place}: no such revision; expected a branch, a tag or a commit after the @") from None
    except errors.RemoteEntryNotFoundError:
        raise ModelError(f"{place}: has no model.json: not a model of coner; check the name") from None
    except errors.LocalEntryNotFoundError as error:
        away = error.__cause__
        why = _reason(away) if away is not None else OFFLINE
        raise ModelError(
            f"{place}: not in the cache, and {endpoint} cannot be reached ({why}); connect once, to get it"
        ) from None
    except Exception as error:
        raise _told(place, endpoint, error) from None


def _told(place: Place, endpoint: str, error: Exception) -> ModelError | OutputError:
    status = status_of(error)
    if status is None and isinstance(error, OSError) and error.errno in WRITE_ERRORS:
        return OutputError(f"{place}: cannot be written to the cache: {error.strerror}; make room")
    if status in (401, 403):
        return ModelError(f"{place}: {endpoint} does not allow that ({status}); {LOGIN}, with the right to write there")
    if status is not None:
        return ModelError(f"{place}: {endpoint} answered {status}; try again later")
    return ModelError(f"{place}: {endpoint} cannot be reached ({_reason(error)}); connect, and try again")


@contextmanager
def _quiet() -> Iterator[None]:
    """The client's warnings off, for what fails is told here, in one line; its bars only for a terminal."""
    from huggingface_hub.utils import logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    before, bars = logging.get_verbosity(), are_progress_bars_disabled()
    logging.set_verbosity(ERROR)
    if not bars and not sys.stderr.isatty():
        disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if not bars:
            enable_progress_bars()


def _reason(error: BaseException) -> str:
    if type(error).__name__ == "OfflineModeIsEnabled":
        return OFFLINE
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def status_of(error: BaseException | None) -> int | None:
    """The hub's answer, where there was one; the client may hide it below an error of its own."""
    while error is not None:
        if (response := getattr(error, "response", None)) is not None:
            return int(response.status_code)
        error = error.__cause__
    return None
