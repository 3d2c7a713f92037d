"""A list of runs, one after another, in a folder that several processes may share.

Each run has its own folder, as with ``coner train``, and resumes from its checkpoint. A finished run is not repeated. A
run that fails leaves the reason in its folder, and the others continue; the next call tries it again.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coner.config.experiment import Experiment
from coner.core.counted import counted
from coner.core.errors import ConerError
from coner.core.files import TEXT, atomic_write, make_folder
from coner.core.locks import try_lock_folder
from coner.core.progress import Log
from coner.data.splits import SplitCache
from coner.families.recipe import Training
from coner.records.ablation import FAILED, run_name
from coner.records.record import RECORD, read_record
from coner.runs.execute import LOG, check_finished, execute


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a list: no other has both its name and its seed."""

    settings: Experiment

    @property
    def folder(self) -> str:
        """Its folder in that of the list."""
        return run_name(self.settings.name, self.settings.seed)


@dataclass(frozen=True)
class Outcome:
    """Folders of the runs."""

    finished: tuple[str, ...]
    failed: Mapping[str, str]  # with the reasons
    elsewhere: tuple[str, ...]  # another process is working on them


def check_all(runs: Sequence[Run], folder: Path, cache: SplitCache) -> None:
    """Raise what would stop every run, before anything is trained.

    Raises:
        ConfigError, DataError: the data cannot be read, or the folder holds finished runs of other settings or data.
    """
    for run in runs:
        recipe, place = Training(run.settings), folder / run.folder
        inputs = recipe.read(cache)
        if (place / RECORD).exists():
            fingerprint = recipe.fingerprint(inputs)
            check_finished(read_record(place), place, fingerprint, inputs.splits, instead="delete that folder")


def execute_all(runs: Sequence[Run], folder: Path, cache: SplitCache) -> Outcome:
    """Train the runs that are not finished, except those that another process is working on."""
    finished, failed, elsewhere = list[str](), dict[str, str](), list[str]()
    began, trained = time.monotonic(), 0
    with Log() as log:
        log(f"{folder}: {counted(len(runs), 'run')}, {len(runs) - _unfinished(runs, folder)} of them finished")
        for run in runs:
            if (lock := try_lock_folder(folder / run.folder)) is None:
                elsewhere.append(run.folder)
                continue
            with lock:
                if new := not (folder / run.folder / RECORD).exists():
                    left = _time_left(began, trained, _unfinished(runs, folder))
                    log(f"{run.folder}: run {runs.index(run) + 1} of {len(runs)}{left}")
                if reason := _try(run, folder / run.folder, cache, log):
                    failed[run.folder] = reason
                else:
                    finished.append(run.folder)
                trained += new
    return Outcome(tuple(finished), failed, tuple(elsewhere))


def _try(run: Run, folder: Path, cache: SplitCache, log: Log) -> str | None:
    """Execute a run; returns the reason if it fails, which is also written into its folder."""
    try:
        execute(Training(run.settings), folder, cache=cache)
    except ConerError as error:
        why = str(error)
    except Exception as error:  # of any library: it fails one run, not the others
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        with (make_folder(folder) / LOG).open("a", **TEXT) as handle:
            handle.write(traceback.format_exc())
    else:
        (folder / FAILED).unlink(missing_ok=True)
        return None
    with atomic_write(make_folder(folder) / FAILED) as handle:
        handle.write(why + "\n")
    log(f"{run.folder}: failed: {why}")
    return why


def _unfinished(runs: Sequence[Run], folder: Path) -> int:
    return sum(not (folder / run.folder / RECORD).exists() for run in runs)


def _time_left(began: float, trained: int, unfinished: int) -> str:
    if not trained:
        return ""
    minutes = (time.monotonic() - began) / trained * unfinished / 60
    return f"; about {minutes / 60:.1f} hours left" if minutes >= 90 else f"; about {minutes:.0f} minutes left"
