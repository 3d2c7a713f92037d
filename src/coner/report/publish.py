"""The files of a run that may be published: its model, its record and a card; never checkpoints, logs or sentences."""

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
from coner.hub.names import MANIFEST, README, RECORD, check_names
from coner.records.plain import plain
from coner.records.record import Record, read_record, record_path
from coner.report.card import CardMetadata, model_card

Content = Path | bytes


def card_of(place: Path, metadata: CardMetadata) -> str:
    """Return the model card of a run folder or a record file; errors as in ``gather``."""
    record = read_record(place)
    return model_card(record, _taxonomy(record, place), metadata)


def gather(folder: Path, metadata: CardMetadata) -> dict[str, Content]:
    """Collect everything that may be published, by its name on the hub; files are checked against ``model.json``.

    The published ``model.json`` contains no path of this machine: of a path in its settings only the last part.

    Raises:
        ModelError: there is no model, or it is damaged, asks an endpoint, or has a file that must not be published.
        ConfigError: this version does not know the settings in ``model.json``.
        DataError: there is no record, or it is damaged.
    """
    manifest, files = _model(folder)
    if not record_path(folder).is_file():
        raise ModelError(f"{folder}: got no {RECORD}; expected a finished run, as the card is made from its record")
    text = card_of(folder, metadata)
    return {README: text.encode(), MANIFEST: manifest, RECORD: folder / RECORD, **files}


def size(content: Content) -> int:
    """The size of a file, or of its content, in bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _model(folder: Path) -> tuple[bytes, dict[str, Content]]:
    """The ``model.json`` to publish, and the files that it names; those of the members of a vote likewise."""
    manifest = read_manifest(folder)
    if family(manifest.kind).asks_endpoint:
        raise ModelError(f"{folder}: is of kind {manifest.kind}: its endpoint and its examples must not be published")
    files: dict[str, Content] = {name: folder / name for name in check_names(manifest.files, str(folder))}
    for name in [name for name in files if name.endswith(f"/{MANIFEST}")]:  # a member of a vote
        inside = name.removesuffix(f"/{MANIFEST}")
        own, others = _model(folder / inside)
        files |= {name: own, **{f"{inside}/{other}": content for other, content in others.items()}}
    values = manifest.model_dump(mode="json")
    if isinstance(values.get("settings"), Mapping):
        values["settings"] = _without_paths(values["settings"], source=f"{folder / MANIFEST}")
    values["files"] = {name: {"bytes": size(content), "sha256": _digest(content)} for name, content in files.items()}
    return (json.dumps(values, ensure_ascii=False, indent=2) + "\n").encode(), files


def _without_paths(settings: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """Parsed first, as text alone does not show what is a path: a relative one looks like an encoder's hub name."""
    values: dict[str, Any] = plain(parse_experiment(dict(settings), source).model_dump())
    return {**values, "data": _base_names(values["data"])}


def _base_names(value: Any) -> Any:
    """The file of a taxonomy by its base name too: it is text, and nothing else in this section has a slash."""
    if isinstance(value, Mapping):
        return {key: _base_names(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_base_names(item) for item in value]
    return PurePath(value).name if isinstance(value, str) else value


def _digest(content: Content) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256(content)


def _taxonomy(record: Record, place: Path) -> Taxonomy:
    """The taxonomy of the model beside the record; else the first that knows all scored labels."""
    if place.is_dir() and (place / MANIFEST).is_file():
        return read_manifest(place).taxonomy
    labels = {label for scores in record.scores.values() for label in scores.fine.classes}
    return choose_taxonomy("auto", labels)
