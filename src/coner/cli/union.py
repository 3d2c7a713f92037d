"""The arguments of ``coner train`` for one data set, or for the union of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError

Shortcuts = dict[str, tuple[str, Any]]  # option to the setting that it is short for, and its value


def union_shortcuts(
    sources: Sequence[str], dev: Sequence[Path], test: Sequence[Path], *, union: bool
) -> tuple[str, Shortcuts]:
    """The config or data to train on, and the settings of the other files.

    ``ConfigError`` for several files without ``--union``, one with it, or another number of dev or test files.
    """
    from coner.config.load import find_config

    shortcuts: Shortcuts = {"--dev": ("data.dev", _first(dev)), "--test": ("data.test", _first(test))}
    if not union:
        if len(sources) == 2 and find_config(sources[0]) is not None:
            got = f"got a config, {sources[0]}, and data, {sources[1]}; expected one of the two"
            raise ConfigError(f"{got}. Fix: coner train {sources[0]} --train {sources[1]}")
        for what, several in (("", sources), ("--dev: ", dev), ("--test: ", test)):
            if len(several) > 1:
                fix = "Fix: add --union if their labels differ, else name further training files in data.extra"
                raise ConfigError(f"{what}got {len(several)} files, {several[0]} and {several[1]}; expected one. {fix}")
        return sources[0], shortcuts
    config = find_config(sources[0]) is not None
    files = sources[1:] if config else sources
    if len(files) < 2:
        raise ConfigError(f"--union: got {len(files)} data set; expected two or more")
    for option, several in (("--dev", dev), ("--test", test)):
        if several and len(several) != len(files):
            got = f"got {len(several)} for {len(files)} data sets"
            raise ConfigError(f"{option}: {got}; expected one for each, in their order, or none")
    named = {name: paths for name, paths in (("train", files), ("dev", dev), ("test", test)) if paths}
    further = [{name: str(paths[number]) for name, paths in named.items()} for number in range(1, len(files))]
    shortcuts["--union"] = ("data.union", further)
    if config:
        shortcuts["DATA"] = ("data.train", files[0])
    return sources[0], shortcuts


def _first(paths: Sequence[Path]) -> Path | None:
    return paths[0] if paths else None
