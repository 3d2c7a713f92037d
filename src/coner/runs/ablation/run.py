"""The runs of an ablation: rows, encoders and seeds; see ``several`` for how they are executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coner.config.load import load_values, override
from coner.core.errors import ConfigError
from coner.core.locks import lock_folder
from coner.core.progress import Log, SilentLog
from coner.data.splits import SplitCache
from coner.families.settings import parse_trainable
from coner.records.ablation import write_plan
from coner.runs.ablation.plan import FULL, Plan, check_settings, load_plan
from coner.runs.choice import settings_for
from coner.runs.several import Outcome, Run, check_all, execute_all


@dataclass(frozen=True, kw_only=True)
class AblationRun(Run):
    """One run: a row, whose name ends in that of the encoder if there are several, with one seed."""

    about: str  # this and the next as in the plan
    against: str | None


def ablate(
    config: str,
    out: Path,
    *,
    plan: str = "paper",
    rows: Sequence[str] = (),
    seeds: int = 3,
    encoders: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Outcome:
    """Train the variants of a config that a plan names, with several seeds; ``report.ablation`` has their table.

    Finished runs of the folder are not repeated; a run that fails is left out, and tried again by the next call.

    Args:
        config: file, or name of a built-in one: the row ``full``.
        out: folder of the ablation; each run gets a folder in it.
        plan: name of a packaged plan, or a TOML file.
        rows: only these, and those that they are compared with; empty: all.
        seeds: number of runs of each row, with seeds counted up from that of the config.
        encoders: run each row with each of these; empty: with its own.
        overrides: changes of the config, as ``train.epochs=4``.

    Raises:
        ConfigError: the config or the plan is faulty, or the folder has finished runs of other settings or data.
        DataError: the data cannot be read.
    """
    cache, chosen = SplitCache(), load_plan(plan).choose(rows)
    base = load_values(config, overrides)
    return run_all(runs_of(chosen, base, config, cache=cache, seeds=seeds, encoders=encoders), out, cache)


def runs_of(
    plan: Plan, base: Mapping[str, Any], source: str, *, cache: SplitCache, seeds: int, encoders: Sequence[str] = ()
) -> list[AblationRun]:
    """The runs, seed by seed, so that a complete table is available early.

    Args:
        plan: the rows.
        base: unchecked settings of the config; each row gets what ``coner train`` suggests for it.
        source: of the settings, for messages.
        cache: of the splits.
        seeds: number of seeds, counted up from that of each config.
        encoders: run each row with each of these in place of its own; their names are appended to that of the row.
            ``full`` with a later encoder is compared with ``full`` with the first. ``ConfigError`` if a config has no
            encoder, or two encoders have the same name.
    """
    check_settings(plan, base, source)  # before the data are read
    logs = {FULL: Log()}
    settings = {
        name: {
            end: settings_for(values, cache.train, source=f"{source}: row {name!r}", log=logs.get(name, SilentLog()))
            for end, values in _with_encoders(name, plan.settings(base, name), encoders)
        }
        for name in plan.rows
    }
    runs = []
    for seed in range(seeds):
        for name, row in plan.rows.items():
            first = None
            for end, chosen in settings[name].items():
                against = first if name == FULL else row.against + end
                first = first or name + end
                changed = chosen.model_copy(update={"seed": chosen.seed + seed, "name": name + end})
                runs.append(AblationRun(about=row.about, against=against, settings=changed))
    return runs


def run_all(runs: Sequence[AblationRun], folder: Path, cache: SplitCache) -> Outcome:
    """Train the runs that are not finished, except those that another process is working on.

    Raises:
        ConfigError, DataError: as ``check_all``.
    """
    check_all(runs, folder, cache)
    with lock_folder(folder, wait=True):
        write_plan({run.settings.name: {"about": run.about, "against": run.against} for run in runs}, folder)
    return execute_all(runs, folder, cache)


def _with_encoders(row: str, values: dict[str, Any], encoders: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    # Yields the suffix of the row's name, and the settings.
    if not encoders:
        yield "", values
        return
    short = {encoder.rstrip("/").rpartition("/")[2]: encoder for encoder in encoders}
    if len(short) < len(encoders):
        raise ConfigError(f"--encoders: got {', '.join(encoders)}; expected names that differ after the last /")
    for name, encoder in short.items():
        changed = override(values, {"encoder": {"name": encoder}})
        try:
            parse_trainable(changed)
        except ConfigError as error:
            raise ConfigError(f"--encoders: row {row!r}: {error}; expected the config of an encoder") from None
        yield f".{name}", changed
