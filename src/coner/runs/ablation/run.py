"""The runs of an ablation, one after another, in a folder that several processes may share.

Each run has its own folder, as with ``coner train``, and resumes from its checkpoint. A finished run is not repeated. A
run that fails leaves the reason in its folder, and the others continue; the next call tries it again.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from coner.config.experiment import Experiment
from coner.core.errors import ConerError, ConfigError
from coner.core.files import atomic_write, make_folder, try_lock
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
class AblationRun:
    """One run: a row with one encoder and one seed."""

    row: str  # name of the row, and of the encoder if there are several
    about: str  # this and the next as in the plan
    against: str | None
    seed: int
    settings: Experiment

    @property
    def folder(self) -> str:
        return run_name(self.row, self.seed)


@dataclass(frozen=True)
class AblationOutcome:
    """Folders of the runs."""

    finished: tuple[str, ...]
    failed: Mapping[str, str]  # with the reasons
    elsewhere: tuple[str, ...]  # another process is working on them


def runs_of(
    plan: Plan, settings: Mapping[str, Experiment], *, seeds: int, encoders: Sequence[str] = ()
) -> list[AblationRun]:
    """The runs, seed by seed, so that a complete table is available early.

    Args:
        plan: the rows.
        settings: of each row.
        seeds: number of seeds, counted up from that of each config.
        encoders: run each row with each of these in place of its own; their names are appended to that of the row.
            ``full`` with a later encoder is compared with ``full`` with the first. ``ConfigError`` if a config has no
            encoder, or two encoders have the same name.
    """
    runs = []
    for seed in range(seeds):
        for name, row in plan.rows.items():
            first = None
            for end, chosen in _with_encoders(name, settings[name], encoders):
                own = chosen.seed + seed
                against = first if name == FULL else row.against + end
                first = first or name + end
                changed = chosen.model_copy(update={"seed": own, "name": name + end})
                runs.append(AblationRun(name + end, row.about, against, own, changed))
    return runs


def run_all(runs: Sequence[AblationRun], folder: Path) -> AblationOutcome:
    """Train the runs that are not finished, except those that another process is working on.

    Raises:
        ConfigError, DataError: before anything is trained: the data cannot be read, or the folder holds finished runs
            of other settings or data.
    """
    cache, finished, failed, elsewhere = SplitCache(), list[str](), dict[str, str](), list[str]()
    for run in runs:
        recipe, place = Training(run.settings), folder / run.folder
        inputs = recipe.read(cache)
        if (place / RECORD).exists():
            fingerprint = recipe.fingerprint(inputs)
            check_finished(read_record(place), place, fingerprint, inputs.splits, instead="delete that folder")
    with FileLock(make_folder(folder / LOCKS) / "plan.lock"):
        write_plan({run.row: {"about": run.about, "against": run.against} for run in runs}, folder)
    began, trained = time.monotonic(), 0
    with Log() as log:
        log(f"{folder}: {len(runs)} runs, {len(runs) - _unfinished(runs, folder)} of them finished")
        for run in runs:
            if (lock := try_lock(folder / LOCKS / f"{run.folder}.lock")) is None:
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
    return AblationOutcome(tuple(finished), failed, tuple(elsewhere))


def _with_encoders(row: str, experiment: Experiment, encoders: Sequence[str]) -> Iterator[tuple[str, Experiment]]:
    # Yields the suffix of the row's name, and the settings.
    if not encoders:
        yield "", experiment
        return
    short = {encoder.rstrip("/").rpartition("/")[2]: encoder for encoder in encoders}
    if len(short) < len(encoders):
        raise ConfigError(f"--encoders: got {', '.join(encoders)}; expected names that differ after the last /")
    for name, encoder in short.items():
        try:
            yield f".{name}", family(experiment.kind).with_encoder(experiment, encoder)
        except ConfigError as error:
            raise ConfigError(f"--encoders: row {row!r}: {error}; expected the config of an encoder") from None


def _try(run: AblationRun, folder: Path, cache: SplitCache, log: Log) -> str | None:
    """Execute a run; returns the reason if it fails, which is also written into its folder."""
    try:
        execute(Training(run.settings), folder, cache=cache)
    except ConerError as error:
        why = str(error)
    except Exception as error:  # of any library: it fails one run, not the ablation
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        with (make_folder(folder) / LOG).open("a", encoding="utf-8") as handle:
            handle.write(traceback.format_exc())
    else:
        (folder / FAILED).unlink(missing_ok=True)
        return None
    with atomic_write(make_folder(folder) / FAILED) as handle:
        handle.write(why + "\n")
    log(f"{run.folder}: failed: {why}")
    return why


def _unfinished(runs: Sequence[AblationRun], folder: Path) -> int:
    return sum(not (folder / run.folder / RECORD).exists() for run in runs)


def _time_left(began: float, trained: int, unfinished: int) -> str:
    if not trained:
        return ""
    minutes = (time.monotonic() - began) / trained * unfinished / 60
    return f"; about {minutes / 60:.1f} hours left" if minutes >= 90 else f"; about {minutes:.0f} minutes left"
