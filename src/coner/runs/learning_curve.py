"""The runs of a learning curve: nested samples of the training split, each with several seeds, evaluated on dev."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from coner.config.experiment import Experiment
from coner.config.load import override
from coner.core.errors import ConfigError
from coner.core.progress import Log, SilentLog
from coner.data.splits import SplitCache
from coner.evaluation.power_law import MIN_SIZES
from coner.families.settings import parse_data, parse_trainable
from coner.records.record import RECORD, Record, read_record
from coner.runs.choice import settings_for
from coner.runs.several import Outcome, Run, check_all, execute_all

OPTION = "--fractions"


@dataclass(frozen=True, kw_only=True)
class CurveRun(Run):
    """One run: a sample of the training split, drawn and trained on with one seed."""

    fraction: Fraction  # of the training split


def parse_fractions(text: str) -> tuple[Fraction, ...]:
    """Fractions such as ``1/8, 0.25``, ascending; 1 is always added; ``ConfigError`` for others."""
    found = {Fraction(1)}
    for part in text.replace(",", " ").split():
        try:
            fraction = Fraction(part)
        except (ValueError, ZeroDivisionError):
            raise ConfigError(f"{OPTION}: got {part!r}; expected fractions such as 1/8,1/4,1/2,1") from None
        if not 0 < fraction <= 1:
            raise ConfigError(f"{OPTION}: got {part}; expected more than 0 and at most 1")
        found.add(fraction)
    if len(found) < MIN_SIZES:
        raise ConfigError(f"{OPTION}: got {text!r}; expected at least {MIN_SIZES}, 1 among them")
    return tuple(sorted(found))


def runs_of(
    values: Mapping[str, Any], fractions: Sequence[Fraction], *, seeds: int, source: str, cache: SplitCache
) -> list[CurveRun]:
    """The runs, seed by seed, the smallest sample first, so that a curve of one seed is available early.

    Args:
        values: settings that are set. If they have no kind, it is chosen once, for the whole training split; what
            depends on the number of sentences (the epochs of an encoder) is chosen for each sample.
        fractions: of the training split, ascending.
        seeds: number of seeds, counted up from that of the settings.
        source: of the settings, for messages.
        cache: of the splits.

    Raises:
        ConfigError: a setting is wrong, or there are too few sentences for these fractions.
        DataError: the data cannot be read.
    """

    if "kind" in values:
        parse_trainable(dict(values), source)  # before the data are read
    if parse_data(values, source).take_seed is not None:
        raise ConfigError("data.take_seed: got a seed; expected none, as the samples have one for each run")
    whole = settings_for(values, cache.train, source=source, log=Log())
    sizes = _sizes(whole, fractions, cache)
    runs = []
    for seed in range(whole.seed, whole.seed + seeds):
        for fraction, size in sizes.items():
            sampled = fraction < 1 or whole.data.take > 0
            data = {"test": None, "take": size if sampled else 0, "take_seed": seed if sampled else None}
            changes = {"kind": whole.kind, "seed": seed, "name": f"take-{size}", "data": data}
            changed = settings_for(override(values, changes), cache.train, source=source, log=SilentLog())
            runs.append(CurveRun(fraction=fraction, settings=changed))
    return runs


def run_curve(
    values: Mapping[str, Any], fractions: Sequence[Fraction], folder: Path, *, seeds: int = 3, source: str = "settings"
) -> tuple[dict[Fraction, list[Record]], Outcome]:
    """Train on samples of the training split, each with several seeds; for arguments and errors see ``runs_of``.

    Finished runs of the folder are not repeated.

    Returns:
        The records of the finished runs of each fraction, ascending; and the runs that have failed, or that another
        process is working on.
    """
    cache = SplitCache()
    runs = runs_of(values, fractions, seeds=seeds, source=source, cache=cache)
    outcome = run_all(runs, folder, cache)
    return finished(runs, folder), outcome


def run_all(runs: Sequence[CurveRun], folder: Path, cache: SplitCache) -> Outcome:
    """Train the runs that are not finished; as ``check_all`` and ``execute_all``."""
    check_all(runs, folder, cache)
    return execute_all(runs, folder, cache)


def finished(runs: Sequence[CurveRun], folder: Path) -> dict[Fraction, list[Record]]:
    """The records of the finished runs of each fraction, ascending."""
    found: dict[Fraction, list[Record]] = {}
    for run in sorted(runs, key=lambda run: (run.fraction, run.settings.seed)):
        if (folder / run.folder / RECORD).exists():
            found.setdefault(run.fraction, []).append(read_record(folder / run.folder))
    return found


def _sizes(settings: Experiment, fractions: Sequence[Fraction], cache: SplitCache) -> dict[Fraction, int]:
    """The number of sentences of each sample."""
    total = len(cache.read(settings.data).splits["train"].corpus)
    sizes = {fraction: round(fraction * total) for fraction in fractions}
    if len(set(sizes.values())) < len(sizes) or min(sizes.values()) < 1:
        got = ", ".join(f"{fraction} ({size})" for fraction, size in sizes.items())
        raise ConfigError(f"{OPTION}: got {got} of {total} sentences; expected samples of different sizes from 1")
    return sizes
