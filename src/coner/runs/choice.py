"""What to train: a config, or data without one, for which a family is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coner.config.experiment import DataSettings, Experiment
from coner.config.load import builtin_configs, find_config, load_values, override
from coner.config.template import template
from coner.core import processes
from coner.core.counted import counted
from coner.core.errors import ConfigError, DataError
from coner.core.progress import Log
from coner.core.types import Sentence
from coner.families.registry import family, kinds
from coner.families.settings import parse_data, parse_experiment, parse_trainable
from coner.records.record import read_record


def read_source(source: str | Path, name: str) -> dict[str, Any]:
    """The settings of a config, a file or a built-in one; or, for data, its path and the ``name`` of the run.

    Raises:
        ConfigError: the config cannot be read.
        DataError: there is neither a config nor data of this name.
    """
    if find_config(source):
        return load_values(source)
    if not Path(source).exists():
        known = ", ".join(builtin_configs())
        raise DataError(f"no such file; expected data, a config (.toml), or a built-in config: {known}", source)
    return {"name": name, "data": {"train": str(source)}}


def config_of_run(folder: Path) -> str:
    """The config (TOML) of a run, from its record; ``ConfigError`` if its family takes none."""
    record = read_record(folder)
    declared = family(record.kind)
    if not declared.configurable:
        raise ConfigError(f"{folder}: got a run of kind {record.kind}; expected one of a config")
    title = f"# The settings of {record.name}. Files are named without their folders."
    return f"{title}\n\n{template(declared.settings, record.settings)}"


def with_kind(
    values: Mapping[str, Any], read: Callable[[DataSettings], Sequence[Sentence]], *, source: str, log: Log
) -> dict[str, Any]:
    """The settings that are set, their kind or one that is chosen for the data, and what it suggests for the rest.

    Choice and suggestions are logged. ``read`` reads the training split, if the kind trains on one.
    ``ConfigError`` if a setting of the data is wrong, or sections belong to different families.
    """
    trained = {name: family(name) for name in kinds(trains=True)}
    if (kind := values.get("kind")) is not None and trained.get(kind) is None:
        return dict(values)
    train = read(parse_data(values, source))
    if kind is None:
        choice = choose_by_settings(values) or choose_by_data(train)
        kind, others = choice.kind, ", ".join(sorted({*trained} - {choice.kind}))
        log(f"family {kind}, because {choice.reason}; others: {others}")
    suggested = trained[kind].suggest(values, train)
    complete = override({"kind": kind, **suggested}, values)
    own, chosen = ({*_flat(part)} for part in (values, suggested))
    if lines := sorted((chosen & {*_flat(complete)}) - own):
        log(f"settings for {counted(len(train), 'sentence')}: {' '.join(lines)}; see coner config")
    return complete


def settings_for(
    values: Mapping[str, Any], read: Callable[[DataSettings], Sequence[Sentence]], *, source: str, log: Log
) -> Experiment:
    """Check what ``with_kind`` returns; ``ConfigError`` also for a family without training."""
    return parse_trainable(with_kind(values, read, source=source, log=log), source)


def settings_of(
    source: str, values: Mapping[str, Any], read: Callable[[DataSettings], Sequence[Sentence]], *, log: Log
) -> Experiment:
    """Check the settings of a config of any configurable family, or of data, which a family is chosen for.

    Args:
        source: the config, or the data.
        values: their settings, see ``read_source``, with changes.
        read: reads the training split.
        log: of the choice.

    Raises:
        ConfigError: a setting is wrong, or there are several processes and the family cannot train with them.
        DataError: the data cannot be read.
    """
    parse = parse_experiment if find_config(source) is not None else parse_trainable
    if parse is parse_experiment:
        _check_processes(parse(dict(values), source))  # before the data are read
    settings = parse(with_kind(values, read, source=source, log=log), source)
    _check_processes(settings)
    return settings


def _check_processes(settings: Experiment) -> None:
    if not family(settings.kind).multiprocess:
        processes.require_single_process(f"training a model of kind {settings.kind}")


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield from _flat(value, f"{path}{key}.") if isinstance(value, dict) else [f"{path}{key}={value}"]


@dataclass(frozen=True)
class Choice:
    """A family, and why it was chosen."""

    kind: str
    reason: str


def choose_by_settings(values: Mapping[str, Any]) -> Choice | None:
    """The family that has the sections which are set; ``None`` if no section of a family is."""
    sections = sorted(set(values) - {*Experiment.model_fields, "knowledge"})
    if not sections:
        return None
    having = [name for name in kinds(trains=True) if set(sections) <= set(family(name).settings.model_fields)]
    if not having:
        got, expected = ", ".join(sections), ", ".join(kinds(trains=True))
        raise ConfigError(f"got settings {got}, which no kind has together; expected those of one of: {expected}")
    return Choice(max(having, key=lambda name: family(name).preference), f"[{sections[0]}] is set")


def choose_by_data(train: Sequence[Sentence]) -> Choice:
    """Of the families that suit the data, the one with the highest preference."""
    reasons = list[str]()
    for declared in sorted(map(family, kinds(trains=True)), key=lambda each: each.preference, reverse=True):
        suits, reason = declared.suits(train)
        if suits:
            return Choice(declared.kind, reason or "; ".join(reasons))
        reasons.append(reason)
    raise ConfigError("kind: not set, and no family suits the data. Fix: name one with --family")
