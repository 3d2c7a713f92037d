"""What of a run others may have: its model, its record and a card; never checkpoints, logs or sentences."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from coner.core.errors import ModelError
from coner.core.files import sha256
from coner.data.taxonomy import Taxonomy, choose_taxonomy
from coner.families.manifest import read_manifest
from coner.families.registry import family
from coner.families.settings import parse_experiment
from coner.hub.files import MANIFEST, README, RECORD, check_names
from coner.records.plain import plain
from coner.records.record import Record, read_record, record_path
from coner.report.card import Told, model_card

Content = Path | bytes


def card_of(place: Path, told: Told) -> str:
    """The model card of a run folder, or of a record file.

    Raises:
        DataError: there is no record, or a damaged one.
        ModelError: the folder holds a damaged model.
    """
    record = read_record(place)
    return model_card(record, _taxonomy(record, place), told)


def gather(folder: Path, told: Told) -> dict[str, Content]:
    """Everything that may leave the machine, by its name on the hub; each file checked against ``model.json``.

    ``model.json`` goes without places on this machine: of a path in its settings only the last part.

    Raises:
        ModelError: the folder holds no model, a damaged one, one that asks an endpoint, or a file of a kind that is
            not for others.
        ConfigError: the settings in ``model.json`` are not such as this version knows.
        DataError: there is no record.
    """
    card, files = _model(folder)
    if not record_path(folder).is_file():
        raise ModelError(f"{folder}: no {RECORD} in it, so nothing to make a card from; push a finished run")
    text = card_of(folder, told)
    return {README: text.encode(), MANIFEST: card, RECORD: folder / RECORD, **files}


def size(content: Content) -> int:
    """In bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _model(folder: Path) -> tuple[bytes, dict[str, Content]]:
    """A ``model.json`` for others, and the files that it names; models within it likewise."""
    manifest = read_manifest(folder)
    if family(manifest.kind).asks_endpoint:
        raise ModelError(f"{folder}: is of kind {manifest.kind}: its endpoint and its examples must not be published")
    files: dict[str, Content] = {name: folder / name for name in check_names(manifest.files, str(folder))}
    for name in [name for name in files if name.endswith(f"/{MANIFEST}")]:  # a member of a vote
        inside = name.removesuffix(f"/{MANIFEST}")
        own, others = _model(folder / inside)
        files |= {name: own, **{f"{inside}/{other}": content for other, content in others.items()}}
    card = manifest.model_dump(mode="json")
    if isinstance(card.get("settings"), Mapping):
        card["settings"] = _without_places(card["settings"], source=f"{folder / MANIFEST}")
    card["files"] = {name: {"bytes": size(content), "sha256": _digest(content)} for name, content in files.items()}
    return (json.dumps(card, ensure_ascii=False, indent=2) + "\n").encode(), files


def _without_places(settings: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """Only as settings do they tell what is a path: a relative one looks like the hub's name of an encoder."""
    values: dict[str, Any] = plain(parse_experiment(dict(settings), source).model_dump())
    return {**values, "data": _base_names(values["data"])}


def _base_names(value: Any) -> Any:
    """A taxonomy's file by its base name too, which is text: nothing else in this section has a slash."""
    if isinstance(value, Mapping):
        return {key: _base_names(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_base_names(item) for item in value]
    return PurePath(value).name if isinstance(value, str) else value


def _digest(content: Content) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256(content)


def _taxonomy(record: Record, place: Path) -> Taxonomy:
    """That of the model beside the record; else the first that knows all labels that were scored."""
    if place.is_dir() and (place / MANIFEST).is_file():
        return read_manifest(place).taxonomy
    labels = {label for scores in record.scores.values() for label in scores["fine"]["classes"]}
    return choose_taxonomy("auto", labels)
