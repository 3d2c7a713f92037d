"""Coarse groups of the fine classes, which records do not have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from coner.data.taxonomy import Taxonomy, builtin_taxonomies, load_taxonomy
from coner.records.record import Record


def find_groups(records: Mapping[str, Record], folders: Mapping[str, Path | None], split: str) -> dict[str, str]:
    """Return fine label to coarse label, for every label of these runs; empty where they are unknown.

    The taxonomies of the models beside the records are tried, then the packaged ones. One is taken if it knows every
    label, and its groups have the numbers of mentions that each record has for them.
    """
    labels = {label for record in records.values() for label in record.scores[split].fine.classes}
    for taxonomy in _candidates(folder for folder in folders.values() if folder):
        groups = taxonomy.coarse_by_fine
        usable = labels and labels <= groups.keys() and any(fine != coarse for fine, coarse in groups.items())
        if usable and all(_fits(groups, record, split) for record in records.values()):
            return {label: groups[label] for label in taxonomy.labels if label in labels}
    return {}


def _candidates(folders: Iterable[Path]) -> Iterator[Taxonomy]:
    for folder in folders:
        try:
            values = json.loads((folder / "model.json").read_text(encoding="utf-8"))["taxonomy"]
            yield Taxonomy(values["name"], {str(coarse): dict(fines) for coarse, fines in values["groups"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # no model here, or a damaged one: the next folder may have one
    yield from map(load_taxonomy, builtin_taxonomies())


def _fits(groups: Mapping[str, str], record: Record, split: str) -> bool:
    scores, summed = record.scores[split], Counter[str]()
    for label, result in scores.fine.classes.items():
        summed[groups[label]] += result.support
    return +summed == +Counter({label: result.support for label, result in scores.coarse.classes.items()})
