"""Run folders and record files that are named on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from coner.core.errors import DataError
from coner.core.files import as_text
from coner.core.progress import stderr
from coner.records.record import RECORD, Record, read_record, record_path


def folder_of(place: Path) -> Path | None:
    """The run folder: ``place`` itself, or that of its ``record.json``; ``None`` for another record file."""
    return place if place.is_dir() else place.parent if place.name == RECORD else None


def read_runs(places: Sequence[Path]) -> tuple[dict[str, Record], dict[str, Path], dict[str, str]]:
    """Read records; return them and their places by the name of the run, and the places left out with the reason.

    Left out are folders without a record, and a second path to the same record. Runs are named by folder or file; if
    two have the same name, by their path.
    """
    kept, left_out = dict[Path, Path](), dict[str, str]()
    for place in places:
        if place.is_dir() and not (place / RECORD).exists():
            left_out[str(place)] = f"no {RECORD} in it"
        elif (first := kept.setdefault(record_path(place).resolve(), place)) is not place:
            left_out[str(place)] = f"the same record as {first}"
    named = [(_name(place), place) for place in kept.values()]
    names = [name for name, _ in named]
    runs = {name if names.count(name) == 1 else as_text(place): place for name, place in named}
    return {run: read_record(place) for run, place in runs.items()}, runs, left_out


def report_left_out(reasons: Mapping[str, str], total: int, expected: str) -> None:
    """Print why runs are left out; ``DataError`` if all of them are."""
    for run, why in reasons.items():
        stderr.print(f"{run}: left out, {why}")
    if len(reasons) == total:
        raise DataError(f"none of the {total} paths has a record with {expected}")
    if reasons:
        stderr.print(f"{len(reasons)} of {total} left out")


def _name(place: Path) -> str:
    whole = place.absolute()
    name = whole.parent.name if whole.name == RECORD else whole.stem if whole.is_file() else whole.name
    return as_text(name)
