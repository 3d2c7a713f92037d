"""Which coarse group a fine class belongs to, for records, which do not say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from coner.data.taxonomy import Taxonomy, load_taxonomy, builtin_taxonomies
from coner.records.record import Record


def find_groups(records: Mapping[str, Record], folders: Mapping[str, Path | None], part: str) -> dict[str, str]:
    """Fine label to coarse label, for every label of these runs; empty where none is known.

    Tried are the taxonomies of the models beside the records and the packaged ones. One is taken where it knows every
    label, and gives each group of each record the number of mentions that the record tells.
    """
    labels = {label for record in records.values() for label in record.scores[part]["fine"].get("classes", {})}
    for taxonomy in _candidates(folder for folder in folders.values() if folder):
        groups = taxonomy.coarse_by_fine
        known = labels and labels <= groups.keys() and any(fine != coarse for fine, coarse in groups.items())
        if known and all(_fits(groups, record, part) for record in records.values()):
            return {label: groups[label] for label in taxonomy.labels if label in labels}
    return {}


def _candidates(folders: Iterable[Path]) -> Iterator[Taxonomy]:
    for folder in folders:
        try:
            values = json.loads((folder / "model.json").read_text(encoding="utf-8"))["taxonomy"]
            yield Taxonomy(values["name"], {str(coarse): dict(fines) for coarse, fines in values["groups"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # no model here, or one that does not say: the next may
    yield from map(load_taxonomy, builtin_taxonomies())


def _fits(groups: Mapping[str, str], record: Record, part: str) -> bool:
    scores, summed = record.scores[part], Counter[str]()
    for label, result in scores["fine"].get("classes", {}).items():
        summed[groups[label]] += result["support"]
    told = {label: result["support"] for label, result in scores["coarse"].get("classes", {}).items()}
    return +summed == +Counter(told)
