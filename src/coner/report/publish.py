"""The files of a run that may be published: its model, its record and a card; never checkpoints, logs or sentences."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath

from coner.core.errors import ModelError
from coner.core.files import sha256
from coner.data.taxonomy import choose_taxonomy
from coner.families.manifest import read_manifest
from coner.families.registry import family
from coner.families.settings import parse_experiment
from coner.hub.names import MANIFEST, README, RECORD, check_names
from coner.knowledge.description import DESCRIPTION, read_description
from coner.records.plain import plain
from coner.records.record import read_record, record_path
from coner.report.card import CardMetadata, model_card

Content = Path | bytes
OPEN = re.compile(  # licences that allow sharing data, also changed, under conditions
    r"(CC0|CC-BY|CC-BY-SA|ODC-By|ODbL|PDDL|MIT|Apache|BSD|Unlicense|0BSD|ISC|GPL|LGPL|MPL|WordNet|public domain)"
    r"(-\d[\w.-]*)?(?![\w-])",
    re.IGNORECASE,
)


def card_of(place: Path, metadata: CardMetadata) -> str:
    """Return the model card of a run folder or a record file; errors as in ``gather``."""
    record = read_record(place)
    if place.is_dir() and (place / MANIFEST).is_file():
        manifest = read_manifest(place)
        taxonomy, metadata = manifest.taxonomy, replace(metadata, operating_point=manifest.operating_point)
    else:
        labels = {label for scores in record.scores.values() for label in scores.fine.classes}
        taxonomy = choose_taxonomy("auto", labels)
    return model_card(record, taxonomy, metadata)


def gather(folder: Path, metadata: CardMetadata) -> dict[str, Content]:
    """Collect everything that may be published, by path in the repository; files are checked against ``model.json``.

    The published ``model.json`` contains no path of this machine: of a path in its settings only the last part.

    Raises:
        ModelError: there is no model, or it is damaged, calls an endpoint, or has a file that must not be published; or
            no licence is named, and those of an embedded knowledge base do not allow sharing.
        ConfigError: this version does not know the settings in ``model.json``.
        DataError: there is no record, or it is damaged.
    """
    manifest, files = _model(folder)
    if metadata.license is None:
        _check_licences(folder, files)
    if not record_path(folder).is_file():
        raise ModelError(f"{folder}: got no {RECORD}; expected a finished run, as the card is made from its record")
    text = card_of(folder, metadata)
    return {README: text.encode(), MANIFEST: manifest, RECORD: folder / RECORD, **files}


def size(content: Content) -> int:
    """The size of a file, or of its content, in bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _model(folder: Path) -> tuple[bytes, dict[str, Content]]:
    """The ``model.json`` to publish, and the files that it names, those of the members of a vote included."""
    manifest = read_manifest(folder)
    if family(manifest.kind).calls_endpoint:
        raise ModelError(f"{folder}: is of kind {manifest.kind}: its endpoint and its examples must not be published")
    files: dict[str, Content] = {name: folder / name for name in check_names(manifest.files, str(folder))}
    for name in [name for name in files if name.endswith(f"/{MANIFEST}")]:  # a member of a vote
        inside = name.removesuffix(f"/{MANIFEST}")
        own, others = _model(folder / inside)
        files |= {name: own, **{f"{inside}/{other}": content for other, content in others.items()}}
    values = manifest.model_dump(mode="json")
    if isinstance(values.get("settings"), Mapping):
        # Parsed first, as text alone does not show what is a path: a relative one looks like an encoder's hub name.
        parsed = parse_experiment(dict(values["settings"]), f"{folder / MANIFEST}").model_dump()
        parsed["data"]["taxonomy"] = PurePath(parsed["data"]["taxonomy"])  # these two are text that may name a file
        parsed["data"]["noise"]["layout"] = PurePath(parsed["data"]["noise"]["layout"])
        values["settings"] = plain(parsed)
    values["files"] = {name: {"bytes": size(content), "sha256": _digest(content)} for name, content in files.items()}
    return (json.dumps(values, ensure_ascii=False, indent=2) + "\n").encode(), files


def _check_licences(folder: Path, files: Mapping[str, Content]) -> None:
    """``ModelError`` if a source of an embedded knowledge base has no licence that allows sharing."""
    for name in files:
        if PurePath(name).name != DESCRIPTION:
            continue
        for source in read_description((folder / name).parent).sources:
            if not OPEN.match(source.licence):
                got = f"the licence {source.licence!r:.80}" if source.licence else "no licence"
                expected = "one that allows sharing it, such as CC0-1.0 or CC-BY-4.0 (coner kb build --licence)"
                fix = (
                    "Fix: name the licence under which you share the model with --license, or train without --embed-kb"
                )
                raise ModelError(f"{folder / name}: {source.file}: got {got}; expected {expected}. {fix}")


def _digest(content: Content) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256(content)
