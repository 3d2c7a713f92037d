"""The space of a search: which settings vary, and over which values."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coner.config.load import read_toml
from coner.core.errors import ConfigError

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

Scalar = bool | int | float | str
KEYS = {"low", "high", "step", "log", "choices"}
VARIED_DATA = ("data.take", "data.extra", "data.noise")  # other settings of data would change what is evaluated
DRAWS = 20


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; integers if both ends and the step are."""

    low: float
    high: float
    step: float | None = None  # of the grid; ``None``: any number
    log: bool = False  # draw uniformly on a logarithmic scale

    @property
    def ends(self) -> tuple[float, ...]:
        """The lowest and highest value that can be drawn, and of a continuous range one value between them."""
        if self.step is not None:
            return self.low, self.low + self.step * math.floor((self.high - self.low) / self.step + 1e-9)
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return (self.low, self.high) if whole else (self.low, self.high, self.low + 0.618 * (self.high - self.low))

    def suggest(self, trial: BaseTrial, name: str) -> Any:
        low, high, step = self.low, self.high, self.step or 1
        if isinstance(low, int) and isinstance(high, int) and isinstance(step, int):
            return trial.suggest_int(name, low, high, step=step, log=self.log)
        return trial.suggest_float(name, low, high, step=self.step, log=self.log)


@dataclass(frozen=True)
class Choices:
    """One of several values of any type."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.values

    def suggest(self, trial: BaseTrial, name: str) -> Any:
        by_text = {json.dumps(value): value for value in self.values}  # a storage cannot hold lists
        return by_text[trial.suggest_categorical(name, list(by_text))]


@dataclass(frozen=True)
class Space:
    """The settings that vary, by key path."""

    settings: Mapping[str, Range | Choices]

    def suggest(self, trial: BaseTrial) -> dict[str, Any]:
        """The next values, by key path."""
        return {path: values.suggest(trial, path) for path, values in self.settings.items()}

    def check(self, fits: Callable[[dict[str, Any]], object]) -> None:
        """Raise ``ConfigError`` if a setting must not vary, or a value is valid neither alone nor with others.

        ``fits`` raises it for invalid values by key path. A trial may still fail: not all values can be combined.
        """
        for path in self.settings:
            section, _, rest = path.partition(".")
            if section in {"name", "kind"} or (section == "data" and f"data.{rest.split('.')[0]}" not in VARIED_DATA):
                may = ", ".join(VARIED_DATA)
                raise ConfigError(f"space: {path}: must be the same for all trials; of data only these may vary: {may}")
        draw = random.Random(0)
        for path, values in self.settings.items():
            for value in values.ends:
                others = [{p: draw.choice(v.ends) for p, v in self.settings.items()} for _ in range(DRAWS)]
                alone = _fault(fits, {path: value})
                if alone and all(_fault(fits, {**other, path: value}) for other in others):
                    raise ConfigError(f"space: {path} = {value!r}: {alone}")


def _fault(fits: Callable[[dict[str, Any]], object], values: dict[str, Any]) -> ConfigError | None:
    try:
        fits(values)
    except ConfigError as error:
        return error
    return None


def load_space(path: Path) -> Space:
    """Load a space from a TOML file: a table for each setting, with ``low`` and ``high``, or with ``choices``."""
    settings = dict(_settings(read_toml(path), (), path))
    if not settings:
        raise ConfigError(f"{path}: got no setting; expected tables such as [head.dropout] with low and high")
    return Space(settings)


def _settings(table: Mapping[str, Any], path: tuple[str, ...], source: Path) -> Iterator[tuple[str, Range | Choices]]:
    for key, value in table.items():
        here = (*path, key)
        place = f"{source}: {'.'.join(here)}"
        if not isinstance(value, dict):
            raise ConfigError(f"{place}: got {value!r}; expected a table with low and high, or choices")
        if value.keys() & KEYS and not any(isinstance(inner, dict) for inner in value.values()):
            yield ".".join(here), _values(value, place)
        else:
            yield from _settings(value, here, source)


def _values(table: Mapping[str, Any], place: str) -> Range | Choices:
    if unknown := sorted(table.keys() - KEYS):
        raise ConfigError(f"{place}.{unknown[0]}: unknown key; expected any of: {', '.join(sorted(KEYS))}")
    if "choices" in table:
        choices = table["choices"]
        if len(table) > 1 or not isinstance(choices, list) or not choices:
            raise ConfigError(f"{place}: expected only choices, a list of values")
        for choice in choices:
            try:
                json.dumps(choice, allow_nan=False)
            except (TypeError, ValueError):
                raise ConfigError(f"{place}: got {choice!r}; expected text, numbers, true, false, or lists") from None
        return Choices(tuple(choices))
    low, high, step, log = (table.get(key) for key in ("low", "high", "step", "log"))
    for name, value in (("low", low), ("high", high), ("step", 1 if step is None else step)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{place}.{name}: got {value!r}; expected a number")
    if not isinstance(log, bool | None):
        raise ConfigError(f"{place}.log: got {log!r}; expected true or false")
    bounded = -math.inf < low < high < math.inf  # type: ignore[operator]
    if not bounded or (step is not None and not 0 < step < math.inf) or (log and (low <= 0 or step is not None)):  # type: ignore[operator]
        raise ConfigError(f"{place}: expected low below high, a step above 0, and with log a low above 0 and no step")
    return Range(low, high, step, bool(log))  # type: ignore[arg-type]
