"""A model from the hub: into the hub's own cache, only the files that its ``model.json`` names."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from coner.hub.client import client, status_of, talking
from coner.hub.files import CARD, README, RECORD, names_in
from coner.hub.place import Place, is_place

if TYPE_CHECKING:
    from huggingface_hub import HfApi

PATIENCE = 20  # seconds until the hub has to have answered
_COMMIT = re.compile("[0-9a-f]{40}")


def model_folder(place: str | Path) -> Path:
    """The folder of a model, wherever it is: every command and ``coner.load`` asks here.

    A model of the hub comes into the hub's cache, where it stays; without a network it is taken from there. Of the
    repository only ``model.json``, the files that it names, README.md and record.json are got.

    Args:
        place: a folder, which is given back as it is, or ``hf://user/name`` with an optional ``@revision``.

    Raises:
        ModelError: there is no such repository or revision, it is not to be seen, it is no model of coner, its tagger
            asks an endpoint, or the hub cannot be reached and the model is not, or not whole, in the cache.
        MissingExtra: huggingface_hub is not installed.
    """
    if not is_place(place):
        return Path(place)
    where = Place.parse(str(place))
    api = client()
    from huggingface_hub.errors import LocalEntryNotFoundError

    with talking(where, api.endpoint):
        if _COMMIT.fullmatch(where.revision or ""):  # never changes: what is in the cache is it
            with suppress(LocalEntryNotFoundError):
                return _snapshot(api, where, cached=True)
        away = _why_away(api, where)
        try:
            return _snapshot(api, where, cached=away is not None)
        except LocalEntryNotFoundError as error:
            raise error from away or error.__cause__


def _why_away(api: HfApi, where: Place) -> Exception | None:
    """What keeps us from the hub, ``None`` where it answers: one request, not repeated, so that nobody has to wait."""
    try:
        api.model_info(where.repo, revision=where.revision, timeout=PATIENCE)
    except Exception as error:
        status = status_of(error)
        if status is not None and status < 500 and status not in (408, 429):  # busy is away, too
            raise
        return error
    return None


def _snapshot(api: HfApi, where: Place, *, cached: bool) -> Path:
    """The model in the cache, got where it is not there; ``cached``: from there alone."""
    # First what tells that it is a model, and its commit: whatever else is in the repository is left there.
    card = Path(api.hf_hub_download(where.repo, CARD, revision=where.revision, local_files_only=cached))
    names = names_in(card.read_bytes(), str(where))
    if cached and not all((card.parent / name).is_file() for name in names):  # a download that was broken off
        from huggingface_hub.errors import LocalEntryNotFoundError

        raise LocalEntryNotFoundError("only a part of it is in the cache")
    wanted = [_literally(name) for name in [CARD, *names, README, RECORD]]
    return Path(
        api.snapshot_download(where.repo, revision=card.parent.name, allow_patterns=wanted, local_files_only=cached)
    )


def _literally(name: str) -> str:
    """The pattern that only this name matches."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
