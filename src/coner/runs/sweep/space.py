"""The space of a search: which settings vary, and over what."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coner.config.load import override, read_toml
from coner.core.errors import ConfigError

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

Scalar = bool | int | float | str
KEYS = {"low", "high", "step", "log", "choices"}
VARIED_DATA = ("data.take", "data.extra", "data.noise")  # else trials would be judged on different things
DRAWS = 20


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones where both ends are, and the step.

    Attributes:
        step: of the grid; ``None``: any number.
        log: whether equal ratios, not equal differences, are equally likely.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def ends(self) -> tuple[float, ...]:
        """The lowest and the highest value that is ever drawn, and one between them where any number may be."""
        if self.step is not None:
            return self.low, self.low + self.step * math.floor((self.high - self.low) / self.step + 1e-9)
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return (self.low, self.high) if whole else (self.low, self.high, self.low + 0.618 * (self.high - self.low))

    def suggest(self, trial: BaseTrial, name: str) -> Any:
        """What the search tries next."""
        low, high, step = self.low, self.high, self.step or 1
        if isinstance(low, int) and isinstance(high, int) and isinstance(step, int):
            return trial.suggest_int(name, low, high, step=step, log=self.log)
        return trial.suggest_float(name, low, high, step=self.step, log=self.log)


@dataclass(frozen=True)
class Choices:
    """One of some values, of whatever kind."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """All of them."""
        return self.values

    def suggest(self, trial: BaseTrial, name: str) -> Any:
        """What the search tries next."""
        by_text = {json.dumps(value): value for value in self.values}  # a storage takes no lists
        return by_text[trial.suggest_categorical(name, list(by_text))]


@dataclass(frozen=True)
class Space:
    """Settings that vary, by their key path."""

    settings: Mapping[str, Range | Choices]

    def suggest(self, trial: BaseTrial) -> dict[str, Any]:
        """The next values, by key path."""
        return {path: values.suggest(trial, path) for path, values in self.settings.items()}

    def check(self, fits: Callable[[dict[str, Any]], object]) -> None:
        """Raise where a value fits nothing: neither the base settings, nor some of the others of this space.

        A trial may still fail, as settings may fit each other or not.

        Args:
            fits: takes values by key path; ``ConfigError`` where they make no settings.

        Raises:
            ConfigError: a value is none of its setting, or the setting is not to vary.
        """
        for path in self.settings:
            section, _, rest = path.partition(".")
            if section in {"name", "kind"} or (section == "data" and f"data.{rest.split('.')[0]}" not in VARIED_DATA):
                may = ", ".join(VARIED_DATA)
                raise ConfigError(f"space: {path}: is the same for all trials; of data may vary: {may}")
        draw = random.Random(0)
        for path, values in self.settings.items():
            for value in values.ends:
                others = [{p: draw.choice(v.ends) for p, v in self.settings.items()} for _ in range(DRAWS)]
                alone = _fault(fits, {path: value})
                if alone and all(_fault(fits, {**other, path: value}) for other in others):
                    raise ConfigError(f"space: {path} = {value!r}: {alone}")


def _fault(fits: Callable[[dict[str, Any]], object], values: dict[str, Any]) -> ConfigError | None:
    """Why values by key path make no settings."""
    try:
        fits(values)
    except ConfigError as error:
        return error
    return None


def load_space(path: Path) -> Space:
    """A space from a TOML file: a table for each setting, with ``low`` and ``high``, or with ``choices``.

    Raises:
        ConfigError: the file cannot be read, or a setting's values make no sense.
    """
    settings = dict(_settings(read_toml(path), (), path))
    if not settings:
        raise ConfigError(f"{path}: no setting in it; expected tables such as [head.dropout] with low and high")
    return Space(settings)


def applied(base: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with values by key path in their place."""
    values = dict(base)
    for path, value in chosen.items():
        for key in reversed(path.split(".")):
            value = {key: value}  # noqa: PLW2901 - from the inside out
        values = override(values, value)
    return values


def _settings(table: Mapping[str, Any], path: tuple[str, ...], source: Path) -> Iterator[tuple[str, Range | Choices]]:
    for key, value in table.items():
        here = (*path, key)
        if not isinstance(value, dict):
            raise ConfigError(
                f"{source}: {'.'.join(here)}: came {value!r}; expected a table with low and high, or choices"
            )
        if value.keys() & KEYS and not any(isinstance(inner, dict) for inner in value.values()):
            yield ".".join(here), _values(value, f"{source}: {'.'.join(here)}")
        else:
            yield from _settings(value, here, source)


def _values(given: Mapping[str, Any], place: str) -> Range | Choices:
    if unknown := sorted(given.keys() - KEYS):
        raise ConfigError(f"{place}.{unknown[0]}: not known; expected some of: {', '.join(sorted(KEYS))}")
    if "choices" in given:
        choices = given["choices"]
        if len(given) > 1 or not isinstance(choices, list) or not choices:
            raise ConfigError(f"{place}: expected choices alone, a list of values")
        for choice in choices:
            try:
                json.dumps(choice, allow_nan=False)
            except (TypeError, ValueError):
                raise ConfigError(f"{place}: came {choice!r}; expected text, numbers, true, false, or lists") from None
        return Choices(tuple(choices))
    low, high, step, log = (given.get(key) for key in ("low", "high", "step", "log"))
    for name, value in (("low", low), ("high", high), ("step", 1 if step is None else step)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{place}.{name}: came {value!r}; expected a number")
    if not isinstance(log, bool | None):
        raise ConfigError(f"{place}.log: came {log!r}; expected true or false")
    bounded = -math.inf < low < high < math.inf  # type: ignore[operator]
    if not bounded or (step is not None and not 0 < step < math.inf) or (log and (low <= 0 or step is not None)):  # type: ignore[operator]
        raise ConfigError(f"{place}: expected low below high, a step above 0, and with log a low above 0 and no step")
    return Range(low, high, step, bool(log))  # type: ignore[arg-type]
