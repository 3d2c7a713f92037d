"""The folder of an ablation: a run folder for each row and seed, the plan of the rows, and why runs failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.untrusted import read_json

PLAN = ".plan.json"  # hidden, so that `coner compare FOLDER/*` sees only runs
FAILED = "failed.txt"  # in the folder of a run that failed: the reason


def run_name(row: str, seed: int) -> str:
    """The name of the folder of a run."""
    return f"{row}.{seed}"


def is_ablation(folder: Path) -> bool:
    """Whether ``coner ablate`` made the folder."""
    return (folder / PLAN).is_file()


def write_plan(rows: Mapping[str, Mapping[str, str | None]], folder: Path) -> None:
    """Add rows to the plan of a folder, each with ``about`` and ``against``; other rows are kept.

    A row without ``against`` keeps the one in the plan: a later call may start one of several encoders alone.
    """
    known = read_plan(folder)
    kept = {name: known.get(name, row)["against"] for name, row in rows.items() if row["against"] is None}
    new = {name: {**row, "against": kept.get(name, row["against"])} for name, row in rows.items()}
    with atomic_write(folder / PLAN) as handle:
        json.dump({"rows": {**known, **new}}, handle, ensure_ascii=False, indent=2)


def read_plan(folder: Path) -> dict[str, dict[str, str | None]]:
    """The rows of a folder's plan; none if there is no plan."""
    path = folder / PLAN
    try:
        rows: dict[str, dict[str, str | None]] = read_json(path)["rows"]
        return {str(name): {"about": row["about"], "against": row["against"]} for name, row in rows.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError("damaged. Fix: delete it, and run coner ablate again", path) from None
