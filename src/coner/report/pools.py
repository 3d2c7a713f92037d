"""Runs that differ in nothing but the seed: only these have a common mean."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coner.records.record import Record

SHOWN = 3  # settings in the name of a pool


def pools(records: Mapping[str, Record]) -> dict[str, list[str]]:
    """The runs of each pool, in their order, by a name for it.

    It is the name of its runs; where runs of one name differ in settings or training data, with what differs.
    """
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for run, record in records.items():
        grouped[json.dumps([record.name, settings_of(record)], sort_keys=True)].append(run)
    names = Counter(records[runs[0]].name for runs in grouped.values())
    named: dict[str, list[str]] = {}
    for runs in grouped.values():
        first = records[runs[0]]
        others = [records[other[0]] for other in grouped.values() if records[other[0]].name == first.name]
        name = first.name if names[first.name] == 1 else f"{first.name} ({_described(first, others)})"
        named[name if name not in named else f"{name} #{len(named) + 1}"] = runs
    return named


def settings_of(record: Record) -> dict[str, Any]:
    """All settings except name and seed, by dotted key, and the hash of the training data."""
    values = dict(_flat({key: value for key, value in record.settings.items() if key not in ("name", "seed")}))
    train = record.data.get("train")
    return values | {"training data": train.sha256[:12] if train else None}


def differing(records: Sequence[Record]) -> list[str]:
    """The keys of ``settings_of`` whose values differ."""
    all_settings = [settings_of(record) for record in records]
    keys = dict.fromkeys(key for values in all_settings for key in values)
    return [key for key in keys if any(values.get(key) != all_settings[0].get(key) for values in all_settings)]


def _described(record: Record, others: Sequence[Record]) -> str:
    values, keys = settings_of(record), differing(others)
    more = [f"{len(keys) - SHOWN} more"] if len(keys) > SHOWN else []
    return ", ".join([*(f"{key}={values.get(key)}" for key in keys[:SHOWN]), *more])


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value
