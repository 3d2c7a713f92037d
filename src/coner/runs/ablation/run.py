"""All runs of an ablation, one after another, in a folder that several processes may share.

A run is a folder of its own, as ``coner train`` makes it, and goes on from its checkpoint. What is finished is not done
again. A run that fails leaves the reason in its folder, and the others go on; the next call tries it again.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from coner.config.experiment import Experiment
from coner.core.errors import ConerError, ConfigError
from coner.core.files import atomic_write, make_folder
from coner.core.progress import Log
from coner.data.splits import SplitCache
from coner.families.recipe import Training
from coner.families.registry import family
from coner.records.ablation import FAILED, run_name, write_plan
from coner.records.record import RECORD, read_record
from coner.runs.ablation.plan import FULL, Plan
from coner.runs.execute import LOG, check_finished, execute

LOCKS = ".locks"


@dataclass(frozen=True)
class Run:
    """One run: a row, with one encoder, by one seed.

    Attributes:
        row: its name; ``about`` and ``against`` are the list's.
        seed, settings: of the run.
    """

    row: str
    about: str
    against: str | None
    seed: int
    settings: Experiment

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return run_name(self.row, self.seed)


@dataclass(frozen=True)
class Outcome:
    """How the runs stand.

    Attributes:
        finished: their folders.
        failed: folder to the reason.
        elsewhere: folders of runs that another process has in hand.
    """

    finished: tuple[str, ...]
    failed: Mapping[str, str]
    elsewhere: tuple[str, ...]


def runs_of(plan: Plan, settings: Mapping[str, Experiment], *, seeds: int, encoders: Sequence[str] = ()) -> list[Run]:
    """Every row by the first seed, then every row by the second, and so on: a whole table is there early.

    Args:
        plan: the rows.
        settings: of each row.
        seeds: how many, counted up from each config's own.
        encoders: each row with each of these in place of its own; the rows' names tell them apart, and the whole model
            with each stands against that with the first.

    Raises:
        ConfigError: encoders for a config that has none, or two of one name.
    """
    found = []
    for seed in range(seeds):
        for name, row in plan.rows.items():
            first = None
            for end, chosen in _with_encoders(name, settings[name], encoders):
                own = chosen.seed + seed
                against = first if name == FULL else row.against + end
                first = first or name + end
                changed = chosen.model_copy(update={"seed": own, "name": name + end})
                found.append(Run(name + end, row.about, against, own, changed))
    return found


def run_all(runs: Sequence[Run], folder: Path) -> Outcome:
    """Train what is not finished yet, as far as no other process is at it.

    Raises:
        ConfigError, DataError: the data cannot be read, or the folder holds finished runs of other settings or data;
            told before anything is trained.
    """
    shared, finished, failed, elsewhere = SplitCache(), list[str](), dict[str, str](), list[str]()
    for run in runs:
        _check(run, folder / run.folder, shared)
    with FileLock(make_folder(folder / LOCKS) / "plan.lock"):
        write_plan({run.row: {"about": run.about, "against": run.against} for run in runs}, folder)
    began, trained = time.monotonic(), 0
    with Log() as log:
        log(f"{folder}: {len(runs)} runs, {len(runs) - _unfinished(runs, folder)} of them finished")
        for run in runs:
            with _claim(folder, run) as mine:
                if not mine:
                    elsewhere.append(run.folder)
                    continue
                new = not (folder / run.folder / RECORD).exists()
                if new:
                    left = _time_left(began, trained, runs, folder)
                    log(f"{run.folder}: run {runs.index(run) + 1} of {len(runs)}{left}")
                if reason := _try(run, folder / run.folder, shared, log):
                    failed[run.folder] = reason
                else:
                    finished.append(run.folder)
                trained += new
    return Outcome(tuple(finished), failed, tuple(elsewhere))


def _check(run: Run, folder: Path, shared: SplitCache) -> None:
    """``ConfigError`` where the folder holds another run than this: one table must not show two kinds."""
    recipe = Training(run.settings)
    inputs = recipe.read(shared)
    if (folder / RECORD).exists():
        fingerprint = recipe.fingerprint(inputs)
        check_finished(read_record(folder), folder, fingerprint, inputs.splits, instead="delete that folder")


def _with_encoders(row: str, experiment: Experiment, encoders: Sequence[str]) -> Iterator[tuple[str, Experiment]]:
    """The row's settings with each encoder, and what that adds to its name; as they are where none is named."""
    if not encoders:
        yield "", experiment
        return
    short = {encoder.rstrip("/").rpartition("/")[2]: encoder for encoder in encoders}
    if len(short) < len(encoders):
        raise ConfigError(f"--encoders: {', '.join(encoders)}: two of one name; expected names that differ at the end")
    for name, encoder in short.items():
        try:
            yield f".{name}", family(experiment.kind).with_encoder(experiment, encoder)
        except ConfigError as error:
            raise ConfigError(f"--encoders: row {row!r}: {error}; expected configs of encoders") from None


def _try(run: Run, folder: Path, shared: SplitCache, log: Log) -> str | None:
    """Do one run; why it failed, if it did."""
    reason = folder / FAILED
    try:
        execute(Training(run.settings), folder, cache=shared)
    except ConerError as error:
        why = str(error)
    except Exception as error:  # of any library: one row of the table, not the end of all of them
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        make_folder(folder)
        with (folder / LOG).open("a", encoding="utf-8") as handle:
            handle.write(traceback.format_exc())
    else:
        reason.unlink(missing_ok=True)
        return None
    make_folder(folder)
    with atomic_write(reason) as handle:
        handle.write(why + "\n")
    log(f"{run.folder}: failed: {why}")
    return why


@contextmanager
def _claim(folder: Path, run: Run) -> Iterator[bool]:
    """Whether this process may do the run; the system gives it free when the process dies."""
    lock = FileLock(make_folder(folder / LOCKS) / f"{run.folder}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _unfinished(runs: Sequence[Run], folder: Path) -> int:
    return sum(not (folder / run.folder / RECORD).exists() for run in runs)


def _time_left(began: float, trained: int, runs: Sequence[Run], folder: Path) -> str:
    if not trained:
        return ""
    minutes = (time.monotonic() - began) / trained * _unfinished(runs, folder) / 60
    return f"; about {minutes / 60:.1f} hours left" if minutes >= 90 else f"; about {minutes:.0f} minutes left"
