"""Run folders and record files as a command line names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coner.records.record import RECORD, record_path


def find_runs(places: Sequence[Path]) -> tuple[dict[str, Path], dict[Path, str]]:
    """Return the places by the name of the run, and those that are left out with the reason.

    Left out are folders without a record, and further names of a record that is named already. Runs are named by
    folder or file; if two have one name, by their path.
    """
    kept, left_out = dict[Path, Path](), dict[Path, str]()
    for place in places:
        if place.is_dir() and not (place / RECORD).exists():
            left_out[place] = f"no {RECORD} in it"
        elif (first := kept.setdefault(record_path(place).resolve(), place)) is not place:
            left_out[place] = f"it is {first}"
    names = [_name(place) for place in kept.values()]
    pairs = zip(names, kept.values(), strict=True)
    return {name if names.count(name) == 1 else str(place): place for name, place in pairs}, left_out


def _name(place: Path) -> str:
    whole = place.absolute()
    return whole.parent.name if whole.name == RECORD else whole.stem if whole.is_file() else whole.name
