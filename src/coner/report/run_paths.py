"""Paths of runs on the command line: run folders and record files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coner.core.errors import DataError
from coner.core.files import as_text
from coner.core.progress import stderr
from coner.records.record import RECORD, Record, read_record, record_path

LeftOut = list[tuple[str, str]]  # paths or names of runs, each with the reason


def folder_of(place: Path) -> Path | None:
    """The run folder: ``place`` itself, or that of its ``record.json``; ``None`` for another record file."""
    return place if place.is_dir() else place.parent if place.name == RECORD else None


def read_runs(places: Sequence[Path]) -> tuple[dict[str, Record], dict[str, Path], LeftOut]:
    """Read records; return them and their places by the name of the run, and the places left out with the reason.

    Left out are folders without a record, and a second path to the same record. Runs are named by folder or file; if
    two have the same name, by their path.
    """
    kept, left_out = dict[Path, Path](), LeftOut()
    for place in places:
        if place.is_dir() and not (place / RECORD).exists():
            left_out.append((str(place), f"no {RECORD} in it"))
        elif (first := kept.setdefault(record_path(place).resolve(), place)) is not place:
            left_out.append((str(place), f"the same record as {first}"))
    named = [(_name(place), place) for place in kept.values()]
    names = [name for name, _ in named]
    runs = {name if names.count(name) == 1 else as_text(place): place for name, place in named}
    return {run: read_record(place) for run, place in runs.items()}, runs, left_out


def report_left_out(left_out: LeftOut, total: int, expected: str) -> None:
    """Print why runs are left out; ``DataError`` if all of them are."""
    for run, why in left_out:
        stderr.print(f"{run}: left out, {why}")
    if len(left_out) == total:
        raise DataError(f"none of the {total} paths has a record with {expected}")
    if left_out:
        stderr.print(f"{len(left_out)} of {total} left out")


def _name(place: Path) -> str:
    whole = place.absolute()
    name = whole.parent.name if whole.name == RECORD else whole.stem if whole.is_file() else whole.name
    return as_text(name)
