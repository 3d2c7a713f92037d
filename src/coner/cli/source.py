"""The settings of commands that train: those of a config or for data, changed by ``--set`` and by other options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coner.cli.options import as_toml
from coner.data.reading.reader import Reading


def as_changes(shortcuts: Mapping[str, tuple[str, Any]], reading: Reading) -> dict[str, tuple[str, str]]:
    """The options that are set: the key path that each sets, and its value as TOML.

    Args:
        shortcuts: by option, the key path that it sets, and its value; ``None``: not set.
        reading: the options of reading that are set.
    """
    from coner.config.template import toml

    changes = {option: (key, toml(value)) for option, (key, value) in shortcuts.items() if value is not None}
    return changes | {f"--{name}": (f"data.{name}", value) for name, value in as_toml(reading).items()}


def read_values(
    source: str, name: str, overrides: Sequence[str], changes: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """The settings that are set, unchecked, without what is chosen for the data.

    Args:
        source: a config, or data.
        name: of the run, if the source is data.
        overrides: of ``--set``.
        changes: of other options; see ``as_changes``.

    Raises:
        ConfigError: two options set the same, or an option sets something that the family does not have.
    """
    from coner.config.load import apply_overrides, find_config
    from coner.core.errors import ConfigError
    from coner.families.registry import family, kinds
    from coner.runs.choice import read_source

    values, is_data = read_source(source, name), find_config(source) is None
    keys = [text.partition("=")[0].strip() for text in overrides]
    for option, (key, _) in changes.items():
        if key in keys:
            raise ConfigError(f"{option}: {key} is set by --set too; expected one of the two")
        first = next(other for other, (set_by, _) in changes.items() if set_by == key)
        if first != option:
            raise ConfigError(f"{option}: {key} is set by {first} too; expected one of the two")
    if is_data and {"data", "data.train"} & {*keys, *(key for key, _ in changes.values())}:
        raise ConfigError(f"data.train: got another file than the argument {source}; expected one of the two")
    if not is_data and "--family" in changes:
        raise ConfigError(f"--family: got a config, {source}, which has a kind; expected data as the argument")
    values = apply_overrides(values, [*overrides, *(f"{key}={value}" for key, value in changes.values())])
    fields = {name: family(name).settings.model_fields for name in kinds(configurable=True)}
    for option, (key, _) in changes.items():
        having = [name for name in fields if key.partition(".")[0] in fields[name]]
        if (chosen := values.get("kind")) in fields and chosen not in having:
            raise ConfigError(f"{option}: got kind {chosen}; expected {' or '.join(having)}")
    return values
